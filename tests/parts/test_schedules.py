"""Noise schedules: gamma, its derivative, and what happens where the signal is gone."""

import pytest
import torch
from exact_models import ONE, ZERO, assert_close, derivative, perturbed, small_transform, squashing_model
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.bounds.bound import continuous_integrand, discrete_integrand
from ndm.parts.schedules import Schedule

SCHEDULES = axes.SCHEDULES.every()
T = 5


@pytest.fixture(params=SCHEDULES)
def schedule(request) -> Schedule:
    """With random parameters where it has any."""
    return perturbed(SCHEDULES[request.param](), std=0.8)


def test_gamma_increases(schedule) -> None:
    gamma = schedule.gamma(torch.linspace(0, 1, 1001))
    assert gamma.isfinite().all() and (gamma.diff() > 0).all()


def test_gamma_prime_is_its_derivative(schedule) -> None:
    """Against central differences; away from the knots k / 16 of the learned one, where gamma'' jumps."""
    t = (torch.arange(16) + 0.4) / 16
    gamma, gamma_prime = schedule.with_velocity(t)
    assert_close(gamma, schedule.gamma(t))
    assert_close(gamma_prime, derivative(schedule.gamma, t), rtol=1e-6)


def test_levels_belong_together(schedule) -> None:
    """gamma = log(sigma^2 / alpha^2), snr = exp(-gamma); alpha^2 + sigma^2 = 1 unless it is flow matching's."""
    level = schedule(torch.linspace(0, 0.99, 100))
    assert_close(level.gamma, torch.log(level.sigma**2 / level.alpha**2), rtol=1e-8)
    assert_close(level.snr, level.alpha**2 / level.sigma**2, rtol=1e-8)
    if isinstance(schedule, ndm.schedules.FlowSchedule):
        assert_close(level.alpha, 1 - torch.linspace(0, 0.99, 100))
        assert_close(level.sigma, 0.01 + 0.99 * torch.linspace(0, 0.99, 100))
    else:
        assert_close(level.alpha**2 + level.sigma**2, 1.0)


@pytest.mark.parametrize(
    "make", [ndm.schedules.LinearSchedule, ndm.schedules.CosineSchedule, ndm.schedules.LearnedSchedule]
)
def test_ends_are_those_asked_for(make) -> None:
    assert_close(make(-7.0, 3.0).gamma(torch.tensor([0.0, 1.0])), torch.tensor([-7.0, 3.0]))


def test_default_derivative_is_the_closed_form() -> None:
    """A schedule that only defines gamma gets gamma' by forward mode: the cosine schedule, written again."""

    class Plain(ndm.schedules.CosineSchedule):
        with_velocity = Schedule.with_velocity

    t = torch.linspace(0, 1, 7)
    assert_close(Plain()(t).gamma_prime, ndm.schedules.CosineSchedule()(t).gamma_prime, rtol=1e-8)


def test_learned_schedule_starts_as_the_straight_line() -> None:
    t = torch.rand(50)
    for fresh, line in zip(
        ndm.schedules.LearnedSchedule().with_velocity(t), ndm.schedules.LinearSchedule().with_velocity(t), strict=True
    ):
        assert_close(fresh, line, rtol=1e-9)


def test_learned_ends_move_by_gradient() -> None:
    """One step of gradient descent lowers the bound and moves both ends, which no L_diff alone would ask for."""
    model = squashing_model(schedule=ndm.schedules.LearnedSchedule(-3.0, 1.0))
    x = torch.randn(64, 3)

    def total() -> Tensor:
        return ndm.bound(model, x, generator=torch.Generator().manual_seed(0)).total.mean()

    before, ends = total(), model.schedule.gamma(torch.tensor([0.0, 1.0])).detach()
    before.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(parameter.grad, alpha=1e-3)
    assert total() < before
    assert ((model.schedule.gamma(torch.tensor([0.0, 1.0])) - ends).abs() > 1e-5).all()


@pytest.mark.parametrize("name", ["identity", "scaling", "series", "residual"])
def test_flow_is_finite_where_the_signal_is_gone(name) -> None:
    """alpha_1 = 0: both bounds and their gradients are finite at t = 1, where l(t) vanishes, and so are samples."""
    model = squashing_model(small_transform(name), ndm.schedules.FlowSchedule())
    x, noise = torch.randn(4, 3), torch.randn(4, 3)
    parameters = list(model.transform.parameters())
    for values in (
        discrete_integrand(model, model.curve(x), torch.full((4,), T - 1), T, noise, noise, None),
        continuous_integrand(model, model.curve(x), ONE.expand(4), noise, None),
        model.marginal(model.curve(x), ONE).kl(model.prior(x)),
        ndm.bound(model, x).total,
        ndm.bound(model, x, timesteps=T).total,
    ):
        assert values.isfinite().all()
        if parameters:
            gradients = torch.autograd.grad(values.sum(), parameters, allow_unused=True)
            assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)
    assert_close(continuous_integrand(model, model.curve(x), ONE.expand(4), noise, None), 0.0, atol=1e-6)
    for eta in (0.0, 1.0):
        assert ndm.samplers.Ancestral(model, T, eta)((4, 3)).isfinite().all()


@pytest.mark.parametrize("eta", [0.3, 1.0, 2.0])
def test_flow_bound_in_the_form_without_gamma(eta) -> None:
    """l(t) = 1/2 | (a dF)' / sqrt(eta gamma') - sqrt(eta gamma') / 2 a dF |^2, a = (1 - t) / sigma, almost to t = 1."""
    model = squashing_model(
        small_transform("series"), ndm.schedules.FlowSchedule(0.02), volatility=ndm.volatilities.ConstantVolatility(eta)
    )
    x, noise, t = torch.randn(5, 3), torch.randn(5, 3), torch.tensor([0.0, 0.3, 0.6, 0.9, 1 - 1e-6])
    curve, sigma = model.curve(x), (0.02 + 0.98 * t)[:, None]
    alpha, gamma_prime = (1 - t)[:, None], 2 * (0.98 / sigma + 1 / (1 - t)[:, None])
    z_t = alpha * curve(t) + sigma * noise
    f, f_prime = (curve - model.predict(z_t, t)).with_velocity(t)
    slope = alpha / sigma * f_prime - (1 / sigma + 0.98 * alpha / sigma**2) * f
    rate = (eta * gamma_prime).sqrt()
    expected = 0.5 * (slope / rate - rate / 2 * alpha / sigma * f).square().sum(1)
    assert_close(continuous_integrand(model, curve, t, noise, None), expected, rtol=1e-8)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "flow"])
def test_equal_steps_of_gamma(name) -> None:
    """The grid in gamma inverts gamma(t)."""
    schedule = perturbed(SCHEDULES[name](), std=0.5)
    times = ndm.samplers.grids.uniform_gamma(schedule, 9)
    ends = schedule.gamma(torch.stack([ONE, ZERO]))
    expected = ends[0] + (ends[1] - ends[0]) * torch.arange(10) / 9
    assert_close(schedule.gamma(times), expected, rtol=1e-8, atol=1e-8)


def ddpm_table(num: int, beta_min: float, beta_max: float) -> Tensor:
    return torch.cumprod(1 - torch.linspace(beta_min, beta_max, num), 0)


@pytest.mark.parametrize(
    ("num", "beta_min", "beta_max", "gamma_min"),
    [
        (1000, 1e-4, 0.02, -10.0),
        (1000, 1e-4, 0.02, -20.0),
        (1000, 1e-4, 0.02, -9.22),
        (2, 0.1, 0.9, -10.0),
        (10, 1e-3, 0.999, -10.0),
    ],
)
def test_the_table_of_ddpm_is_a_schedule(num, beta_min, beta_max, gamma_min) -> None:
    """gamma = log((1 - abar_k) / abar_k) at t = k / K and gamma_min at 0; between them it rises, however they lie."""
    schedule = ndm.schedules.DdpmSchedule(num, beta_min, beta_max, gamma_min)
    k, abar = torch.arange(1, num + 1), ddpm_table(num, beta_min, beta_max)
    assert_close(schedule.gamma(k / num), torch.log((1 - abar) / abar), rtol=1e-9)
    assert_close(schedule.gamma(ZERO), gamma_min)
    gamma, gamma_prime = schedule.with_velocity(torch.linspace(0, 1, 20_001))
    assert (gamma.diff() > 0).all() and (gamma_prime > 0).all()


def test_the_velocity_of_ddpms_table_has_no_jumps() -> None:
    """On both sides of an entry."""
    schedule, k, h = ndm.schedules.DdpmSchedule(), torch.arange(1, 1000) / 1000, 1e-9
    assert_close(schedule.with_velocity(k - h)[1], schedule.with_velocity(k + h)[1], rtol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"num": 1},
        {"num": 10**6},
        {"num": 2.5},
        {"beta_min": 0.0},
        {"beta_max": 1.0},
        {"beta_min": 0.03},
        {"gamma_min": -9.2},
        {"gamma_min": -30.0},
        {"gamma_min": float("nan")},
    ],
    ids=str,
)
def test_betas_that_make_no_table_are_refused(options) -> None:
    with pytest.raises(ndm.InputError):
        ndm.schedules.DdpmSchedule(**options)
