"""Functions of time: b_k(0) = 0, their derivatives, and pieces that are free values for each step."""

import pytest
import torch
from exact_models import assert_close, derivative
from torch import nn

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.parts.time_functions import Pieces

FUNCTIONS = axes.TIME_FUNCTIONS.every()

each_function = pytest.mark.parametrize("name", FUNCTIONS)
NUMBERS = [1, 2, 5]


@each_function
@pytest.mark.parametrize("num", NUMBERS)
def test_start_at_zero(name, num) -> None:
    b, _ = FUNCTIONS[name](num)(torch.zeros(3))
    assert torch.equal(b, torch.zeros(3, num))


@each_function
@pytest.mark.parametrize("num", NUMBERS)
def test_derivatives_are_theirs(name, num) -> None:
    """Against central differences, away from the knots k / num; for one time and for many."""
    functions, t = FUNCTIONS[name](num), (torch.arange(4 * num) + 0.3) / (4 * num)
    b, b_prime = functions(t)
    assert_close(b_prime, derivative(lambda u: functions(u)[0], t), rtol=1e-6, atol=1e-8)
    for i, time in enumerate(t):
        assert_close(functions(time)[0], b[i])
        assert_close(functions(time)[1], b_prime[i])


@each_function
def test_are_as_many_as_asked_for(name) -> None:
    """And independent: no combination of them vanishes."""
    assert torch.linalg.matrix_rank(FUNCTIONS[name](4)(torch.linspace(0, 1, 50))[0]) == 4
    with pytest.raises(InputError, match="num = 0"):
        FUNCTIONS[name](0)


@pytest.mark.parametrize("num", NUMBERS)
def test_pieces_are_the_identity_on_their_knots(num) -> None:
    """b_k(j / K) = [k = j]: a free value for each step of a chain of K steps."""
    knots = torch.arange(num + 1) / num
    assert_close(Pieces(num)(knots)[0], torch.cat([torch.zeros(1, num), torch.eye(num)]))


@pytest.mark.parametrize("num", NUMBERS)
def test_pieces_are_linear_between_their_knots(num) -> None:
    values = torch.cat([torch.zeros(1), torch.randn(num)])
    t = torch.rand(200)
    k = (t * num).long()
    expected = torch.lerp(values[k], values[k + 1], t * num - k)
    assert_close(Pieces(num)(t)[0] @ values[1:], expected)
    assert_close(Pieces(num)(t)[1] @ values[1:], num * values.diff()[k])


@pytest.mark.parametrize("num", NUMBERS)
def test_pieces_have_a_slope_on_every_knot(num) -> None:
    """That of the piece on the left, at t = 0 of the only one there is."""
    values = torch.cat([torch.zeros(1), torch.randn(num)])
    slopes = num * values.diff()
    on_knots = Pieces(num)(torch.arange(num + 1) / num)[1] @ values[1:]
    assert_close(on_knots, torch.cat([slopes[:1], slopes]))


@pytest.mark.parametrize(("timesteps", "num"), [(None, 4), (1, 1), (3, 3), (16, 16), (1000, 16)])
def test_scaling_has_as_many_pieces_as_steps(timesteps, num) -> None:
    """Up to 16, and a few in continuous time; unless another number is asked for, or other functions."""
    functions = ndm.transforms.ScalingTransform.from_spec(Spec((2,), timesteps=timesteps)).functions
    assert isinstance(functions, Pieces) and functions.num == num
    assert (
        ndm.transforms.ScalingTransform.from_spec(Spec((2,), timesteps=timesteps), num_functions=7).functions.num == 7
    )
    other = ndm.transforms.ScalingTransform.from_spec(Spec((2,), timesteps=timesteps), functions="monomials").functions
    assert isinstance(other, ndm.time_functions.Monomials) and other.num == num
    with pytest.raises(InputError, match="num = 0"):
        ndm.transforms.ScalingTransform.from_spec(Spec((2,), timesteps=timesteps), num_functions=0)


def test_a_chain_sees_each_value_of_its_pieces() -> None:
    """w_i(k / T) = exp(theta_ki), free for each step and dimension."""
    transform = ndm.transforms.ScalingTransform.from_spec(Spec((2, 3), timesteps=5))
    nn.init.normal_(transform.log_scale)
    x = torch.randn(6, 2, 3)
    scale = torch.cat([torch.ones(1, 2, 3), transform.log_scale.exp()])
    assert_close(transform(x, torch.arange(6) / 5), scale.detach() * x)
