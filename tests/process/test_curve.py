"""Curves are vectors: sums, differences and multiples with their velocities, and where they have closed forms."""

import operator
from functools import lru_cache

import pytest
import torch
from exact_models import assert_close, derivative, small_transform
from torch import Tensor

from ndm.base.spec import Spec
from ndm.parts.predictors.direct import DirectPredictor
from ndm.parts.schedules.linear import LinearSchedule
from ndm.parts.time_functions import BasisCurve, Monomials
from ndm.parts.transforms import Transform
from ndm.parts.transforms._diagonal import ScaledCurve
from ndm.process.curve import CombinedCurve, ConstantCurve, Curve, LineCurve, ProductCurve, RememberedCurve

BATCH, EVENT = 4, (2, 8, 8)
TIMES = {"a time for each": [0.1, 0.35, 0.6, 0.9], "one time": 0.43}
FACTORS = {
    "number": lambda: -1.7,
    "whole": lambda: 3,
    "scalar": lambda: torch.tensor(0.6),
    "per example": lambda: torch.tensor([0.5, -2.0, 0.0, 3.0]),
    "per dimension": lambda: event(),
}
MONOMIALS = Monomials(3)


class Sine(Curve):
    """t -> sin(x t), with the default derivative."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __call__(self, t: Tensor) -> Tensor:
        return torch.sin(self.x * t.reshape(-1, 1, 1, 1))


def event() -> Tensor:
    return torch.randn(BATCH, *EVENT)


START = torch.tensor([0.2, 0.4, 0.5, 0.7], dtype=torch.float64)


@lru_cache
def transform(name: str) -> Transform:
    """The same one for all curves of a test and of others."""
    return small_transform(name, EVENT)


KINDS = {
    "constant": (lambda: ConstantCurve(event()), ConstantCurve),
    "line": (lambda: LineCurve(event(), event(), START), LineCurve),
    "line from elsewhere": (lambda: LineCurve(event(), event(), torch.rand(BATCH)), LineCurve),
    "basis": (lambda: BasisCurve(event(), torch.randn(BATCH, 3, *EVENT), MONOMIALS), BasisCurve),
    "scaled": (lambda: transform("frequency").curve(event()), ScaledCurve),
    "network": (lambda: transform("residual").curve(event()), CombinedCurve),
    "remembered": (lambda: RememberedCurve(Sine(event())), CombinedCurve),
    "default": (lambda: Sine(event()), CombinedCurve),
}


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture(params=TIMES)
def t(request) -> Tensor:
    return torch.tensor(TIMES[request.param])


def like(factor, x: Tensor) -> Tensor | float:
    """The factor as torch broadcasts it against x."""
    return factor.reshape(-1, 1, 1, 1) if isinstance(factor, Tensor) and factor.ndim == 1 else factor


def assert_is(curve: Curve, t: Tensor, value: Tensor, velocity: Tensor) -> None:
    """Value alone, value with velocity, and the velocity against finite differences of the value."""
    assert_close(curve(t), value)
    both = curve.with_velocity(t)
    assert_close(both[0], value)
    assert_close(both[1], velocity)
    assert_close(both[1], derivative(curve, t), atol=1e-5)


@pytest.mark.parametrize("operation", [operator.add, operator.sub])
def test_a_sum_is_that_of_values_and_velocities(kind, operation, t) -> None:
    make, result = KINDS[kind]
    f, g = make(), make()
    combined = operation(f, g)
    assert type(combined) is result
    (f_t, f_prime), (g_t, g_prime) = f.with_velocity(t), g.with_velocity(t)
    assert_is(combined, t, operation(f_t, g_t), operation(f_prime, g_prime))


@pytest.mark.parametrize("name", FACTORS)
def test_a_multiple_is_that_of_value_and_velocity(kind, name, t) -> None:
    f, factor = KINDS[kind][0](), FACTORS[name]()
    value, velocity = f.with_velocity(t)
    for multiple in (f * factor, factor * f):
        assert_is(multiple, t, like(factor, value) * value, like(factor, value) * velocity)


def test_combinations_are_linear(kind, t) -> None:
    """Guidance, (1 + w) f - w g, is exactly that; and what is an affine map of one kind stays of that kind."""
    make, result = KINDS[kind]
    f, g, w = make(), make(), torch.tensor([0.0, 0.5, 2.0, -1.0])
    guided = (1 + w) * f - w * g
    expected = (1 + like(w, event())) * f(t) - like(w, event()) * g(t)
    assert_close(guided(t), expected)
    assert type(guided) is result
    assert_close((f + g)(t), (g + f)(t))
    assert_close((f + g - g)(t), f(t))
    assert_close(((f * 2.0) * 3.0)(t), 6 * f(t))


@pytest.mark.parametrize("operation", [operator.add, operator.sub])
def test_curves_of_two_kinds_are_evaluated_one_by_one(operation, t) -> None:
    f, g = KINDS["constant"][0](), KINDS["scaled"][0]()
    combined = operation(f, g)
    assert isinstance(combined, CombinedCurve)
    assert_is(combined, t, operation(f(t), g(t)), operation(torch.zeros_like(f(t)), g.with_velocity(t)[1]))


def test_bases_of_other_functions_are_not_mixed(t) -> None:
    f, g = (BasisCurve(event(), torch.randn(BATCH, 3, *EVENT), Monomials(3)) for _ in range(2))
    assert isinstance(f + g, CombinedCurve)
    assert_close((f + g)(t), f(t) + g(t))


def test_a_multiple_of_a_multiple_is_one() -> None:
    product = (Sine(event()) * 2.0) * 4.0
    assert isinstance(product, ProductCurve) and isinstance(product.curve, Sine) and product.factor == 8.0


def test_a_combination_has_no_posterior() -> None:
    """What is known of x belongs to one prediction: that of a mean of two is no mean of what is known."""
    torch.manual_seed(0)
    scaling = small_transform("scaling", (3,))
    options = {"parameterisation": "gaussian_mixture", "width": 8, "depth": 1}
    predictor = DirectPredictor.from_spec(Spec((3,)), transform=scaling, **options)
    t = torch.full((2,), 0.5)
    level = LinearSchedule()(t)
    predicted = predictor(torch.randn(2, 3), t, None, level, scaling)
    assert predicted.posterior is not None
    for combination in (predicted + predicted, predicted - predicted, predicted * 2.0):
        assert combination.posterior is None
