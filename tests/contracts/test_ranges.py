"""Every option of every part that is a number: a finite one within its range, or it is refused and named."""

import math
import re

import pytest
from making import tiny_model

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.kinds import constructor, fits
from ndm.base.spec import Spec

OTHERS = (axes.DATA_SETS, axes.FORMATS, axes.RECIPES, axes.PARALLEL, axes.OPTIMIZERS, axes.TRACKERS)  # no parts
KINDS = {kind.__name__: kind for axis in axes.AXES if axis not in OTHERS for kind in axis.every().values()}
KINDS |= {
    kind.__name__: kind
    for kind in (ndm.ode.solvers.Adaptive, ndm.ode.solvers.Fixed, ndm.bounds.time_samplers.Stratified)
}
ALIASES = {"gamma_min": "gamma", "gamma_max": "gamma", "beta_min": "betas", "beta_max": "betas", "value": "eta"}


def needed(kind: type) -> dict[str, object]:
    """Right values of the arguments without a default."""
    right = {
        "event_shape": (1, 8, 8),
        "num": 3,
        "num_levels": 4,
        "timesteps": 3,
        "height": 4,
        "width": 4,
        "draws": 2,
        "num_outputs": 1,
    }
    parameters = list(constructor(kind)[0].parameters.values())[1:]
    return {
        each.name: tiny_model((1, 8, 8)) if each.name == "model" else right[each.name]
        for each in parameters
        if each.default is each.empty
    }


def numbers(wanted: type) -> list[tuple[str, str]]:
    """The options that whole numbers alone fit, or all numbers: by the names of classes."""
    found = []
    for name, kind in KINDS.items():
        for option, annotated in constructor(kind)[1].items():
            is_count = fits(1, annotated) and not fits(1.5, annotated)
            if is_count if wanted is int else fits(1.5, annotated):
                found.append((name, option))
    return found


@pytest.mark.parametrize(("name", "option"), numbers(float))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400], ids=["nan", "inf", "-inf", "beyond"])
def test_a_number_is_finite(name, option, value):
    kind = KINDS[name]
    with pytest.raises(InputError) as error:
        kind(**needed(kind) | {option: value})
    assert ALIASES.get(option, option) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "option"), numbers(int))
def test_a_count_is_not_negative(name, option):
    kind = KINDS[name]
    for value in (-1, -5):
        with pytest.raises(InputError, match=rf"{option} = {value}\b.*expected a whole number"):
            kind(**needed(kind) | {option: value})


ZERO = {"num_classes", "num_values", "depth", "num_frequencies", "seed"}  # of which there may be none


@pytest.mark.parametrize(("name", "option"), numbers(int))
def test_a_count_is_not_0_but_where_nothing_is_a_choice(name, option):
    kind = KINDS[name]
    if option in ZERO:
        assert kind(**needed(kind) | {option: 0}) is not None
        return
    with pytest.raises(InputError, match=f"{option} = 0; expected a whole number, at least [1-9]"):
        kind(**needed(kind) | {option: 0})


WITH_SHAPES = [name for name, kind in KINDS.items() if "event_shape" in constructor(kind)[0].parameters]


@pytest.mark.parametrize("name", WITH_SHAPES)
@pytest.mark.parametrize("shape", [(), (0,), (1, -8, 8)], ids=str)
def test_an_event_has_positive_sizes(name, shape):
    kind = KINDS[name]
    with pytest.raises(InputError, match=re.escape(f"event_shape {shape}; expected one or more positive sizes")):
        kind(**needed(kind) | {"event_shape": shape})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"event_shape": (0,)}, "event_shape (0,)"),
        ({"event_shape": ()}, "event_shape ()"),
        ({"num_classes": -1}, "num_classes = -1"),
        ({"num_values": -1}, "num_values = -1"),
        ({"num_levels": 1}, "num_levels = 1"),
        ({"timesteps": 0}, "timesteps = 0"),
    ],
    ids=str,
)
def test_a_specification_is_one_of_a_model(wrong, said):
    with pytest.raises(InputError, match=re.escape(said)):
        Spec(**{"event_shape": (2,)} | wrong)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ndm.MLP((2,), max_frequency=0.5), "max_frequency = 0.5; expected a finite number, at least 1"),
        (
            lambda: ndm.volatilities.BestVolatility(decay=1.0),
            "decay = 1.0; expected a finite number, at least 0, below 1",
        ),
        (lambda: ndm.volatilities.BestVolatility(decay=-0.1), "decay = -0.1"),
        (
            lambda: ndm.parameterisations.ScaledParameterisation(0.0),
            "data_std = 0.0; expected a finite number, above 0",
        ),
        (lambda: ndm.transforms.ScalingTransform((2,), rate=-1.0), "rate = -1.0"),
    ],
)
def test_a_number_is_in_its_range(make, said):
    with pytest.raises(InputError, match=re.escape(said)):
        make()


def test_the_ends_of_ranges_are_taken():
    assert ndm.MLP((2,), width=4, depth=0, num_frequencies=2, max_frequency=1.0).features.frequencies.tolist() == [1, 1]
    assert ndm.volatilities.BestVolatility(num_bins=1, decay=0.0).u_squared.decay == 0
    assert ndm.transforms.ScalingTransform((2,), rate=0.0, lead=20.0).rate == 0
    assert ndm.schedules.LearnedSchedule(num_pieces=1).knots == ()
