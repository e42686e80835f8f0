"""What every noise schedule promises, found by the file it lives in."""

import copy
import inspect

import pytest
import torch
from making import FOUND, make

from ndm.base.errors import InputError
from ndm.parts.schedules import Schedule

FIELDS = ("gamma", "gamma_prime", "alpha", "sigma", "snr")


@pytest.fixture(params=FOUND["schedule"])
def schedule(request) -> Schedule:
    return make("schedule", request.param, (1,)).double()


def grid(num: int = 101) -> torch.Tensor:
    return torch.linspace(0, 1, num, dtype=torch.float64)


def test_the_schedules_of_the_library_are_found():
    assert {"linear", "cosine", "flow", "learned"} <= FOUND["schedule"].keys()


def test_every_field_is_shaped_like_the_time(schedule):
    for t in (torch.tensor(0.4), torch.rand(5), torch.rand(2, 3)):
        level = schedule(t.double())
        assert all(getattr(level, field).shape == t.shape for field in FIELDS)
        assert schedule.gamma(t.double()).shape == t.shape


def test_gamma_grows_from_end_to_end(schedule):
    gamma = schedule.gamma(grid())
    assert gamma.isfinite().all() and (gamma.diff() > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_field_is_finite_at_both_ends(schedule, dtype):
    level = schedule.to(dtype)(torch.tensor([0.0, 1.0], dtype=dtype))
    assert all(getattr(level, field).isfinite().all() for field in FIELDS)
    assert all(getattr(level, field).dtype == dtype for field in FIELDS)


def test_gamma_is_the_log_ratio_of_noise_to_signal(schedule):
    level = schedule(grid()[1:-1])
    torch.testing.assert_close(level.gamma, 2 * (level.sigma / level.alpha).log())
    torch.testing.assert_close(level.snr, (level.alpha / level.sigma) ** 2)
    torch.testing.assert_close(level.gamma, schedule.gamma(grid()[1:-1]))


def test_gamma_prime_is_the_derivative_of_gamma(schedule):
    t, h = grid(39)[1:-1] - 0.003, 1e-6  # away from the ends and from the knots of a spline
    gamma, gamma_prime = schedule.with_velocity(t)
    torch.testing.assert_close(gamma, schedule.gamma(t))
    torch.testing.assert_close(
        gamma_prime, (schedule.gamma(t + h) - schedule.gamma(t - h)) / (2 * h), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(schedule(t).gamma_prime, gamma_prime)


def test_it_is_elementwise(schedule):
    t = grid(7)
    together = schedule(t)
    for i, time in enumerate(t):
        alone = schedule(time)
        for field in FIELDS:
            torch.testing.assert_close(getattr(together, field)[i], getattr(alone, field))


def test_gradients_reach_every_parameter(schedule):
    level = schedule(grid(7))
    if list(schedule.parameters()):
        (level.gamma.square().sum() + level.gamma_prime.square().sum()).backward()
    for name, parameter in schedule.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0, name


ENDS = [(-13.3, 5.0), (-30.0, 36.0), (-60.0, 60.0), (-80.0, 80.0)]
WITH_ENDS = [
    name
    for name, kind in FOUND["schedule"].items()
    if {"gamma_min", "gamma_max"} <= inspect.signature(kind).parameters.keys()
]


@pytest.mark.parametrize("ends", ENDS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", WITH_ENDS)
def test_its_ends_are_those_asked_for_as_far_as_any_are_taken(name, dtype, ends):
    """In either precision, and with them alpha, sigma and snr; gamma' is positive."""
    torch.set_default_dtype(dtype)  # learned ends are parameters, which are as exact as when they were made
    level = FOUND["schedule"][name](*ends)(torch.tensor([0.0, 1.0]))
    gamma = torch.tensor(ends, dtype=torch.float64)
    expected = (gamma, torch.sigmoid(-gamma).sqrt(), torch.sigmoid(gamma).sqrt(), torch.exp(-gamma))
    eps = torch.finfo(dtype).eps
    for got, exact, error in zip(
        (level.gamma, level.alpha, level.sigma, level.snr), expected, (4, 99, 99, 199), strict=True
    ):
        torch.testing.assert_close(got, exact.to(dtype), rtol=error * eps, atol=0)
    assert level.gamma_prime.isfinite().all() and (level.gamma_prime > 0).all()


@pytest.mark.parametrize("ends", [(-80.5, 5.0), (-5.0, 80.5), (float("nan"), 5.0), (5.0, -5.0)], ids=str)
@pytest.mark.parametrize("name", WITH_ENDS)
def test_ends_beyond_all_numbers_are_refused(name, ends):
    with pytest.raises(InputError, match="gamma from"):
        FOUND["schedule"][name](*ends)


def test_single_precision_agrees_with_double(schedule):
    """All over [0, 1], and near both ends."""
    single = copy.deepcopy(schedule).float()
    small = torch.tensor([1e-6, 1e-5, 1e-4, 1e-3])
    t = torch.cat([torch.linspace(0, 1, 65), small, 1 - small])
    with torch.no_grad():
        got, expected = single(t), copy.deepcopy(single).double()(t.double())
        for field in (*FIELDS, "log_sigma_prime", "decay"):
            value, exact = (
                (getattr(level, field) if hasattr(level, field) else getattr(own, field)(level))
                for own, level in ((single, got), (single.double(), expected))
            )
            torch.testing.assert_close(value.double(), exact.double(), rtol=3e-5, atol=1e-30, msg=field)


def test_a_conversion_leaves_what_was_asked_for():
    """Made in float32 and moved to float64, with no parameter: to the last digit what is made in float64."""
    t = grid()
    for kind in FOUND["schedule"].values():
        moved = kind().double()
        if list(moved.parameters()):
            continue
        torch.set_default_dtype(torch.float64)
        made = kind()
        torch.set_default_dtype(torch.float32)
        assert torch.equal(moved.gamma(t), made.gamma(t)), kind
        assert torch.equal(moved.float().double().gamma(t), made.gamma(t)), kind


def test_decay_and_growth_are_those_of_alpha_and_sigma(schedule):
    """alpha' = alpha sigma' / sigma - decay, and (log sigma)', by central differences."""
    t, h = grid(39)[1:-1] - 0.003, 1e-6
    before, level, after = (schedule(u) for u in (t - h, t, t + h))
    growth = schedule.log_sigma_prime(level)
    torch.testing.assert_close(growth, (after.sigma / before.sigma).log() / (2 * h), rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(
        level.alpha * growth - schedule.decay(level), (after.alpha - before.alpha) / (2 * h), rtol=1e-5, atol=1e-8
    )


def test_decay_has_its_limit_where_the_signal_is_gone(schedule):
    near, at_end = schedule(grid()[-1] - 1e-9), schedule(grid()[-1])
    torch.testing.assert_close(schedule.decay(at_end), schedule.decay(near), rtol=1e-5, atol=1e-8)


def test_a_table_whose_signal_fades_beyond_all_numbers_is_finite():
    """prod (1 - beta) = exp(-306): gamma is 306 in float32 too, of which exp is not."""
    for dtype in (torch.float32, torch.float64):
        level = FOUND["schedule"]["ddpm"](1000, 1e-4, 0.5).to(dtype)(torch.ones((), dtype=dtype))
        beta = torch.linspace(1e-4, 0.5, 1000, dtype=torch.float64)
        torch.testing.assert_close(level.gamma.double(), -torch.log1p(-beta).sum(), rtol=1e-6, atol=0)
        assert all(getattr(level, field).isfinite().all() for field in FIELDS)
