"""What every noise schedule promises, found by the file it lives in."""

import pytest
import torch
from making import FOUND, make

from ndm.schedules import Schedule

FIELDS = ("gamma", "gamma_prime", "alpha", "sigma", "snr")


@pytest.fixture(params=FOUND["schedule"])
def schedule(request) -> Schedule:
    return make("schedule", request.param, ()).double()


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
    torch.testing.assert_close(gamma_prime, (schedule.gamma(t + h) - schedule.gamma(t - h)) / (2 * h),
                               rtol=1e-5, atol=1e-5)
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
