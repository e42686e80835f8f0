"""The ODE and the SDE: limits of the posterior's steps, and the literature's formulae."""

import pytest
import torch
from exact_models import assert_close, derivative, growth, small_transform, squashing_model

import ndm

SCHEDULES = [
    lambda: ndm.schedules.LinearSchedule(-5.0, 3.0),
    lambda: ndm.schedules.CosineSchedule(-5.0, 3.0),
    lambda: ndm.schedules.FlowSchedule(0.05),
]
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=["linear", "cosine", "flow"])


@each_schedule
@pytest.mark.parametrize("name", ["identity", "scaling", "series", "residual"])
def test_the_velocity_given_x_is_that_of_its_path(schedule, name) -> None:
    """z_t = alpha_t F(x, t) + sigma_t eps for a fixed eps: dz/dt by central differences."""
    model = squashing_model(small_transform(name), schedule())
    x, noise, t = torch.randn(5, 3), torch.randn(5, 3), torch.linspace(0.1, 0.9, 5)
    curve = model.curve(x)

    def path(t: torch.Tensor) -> torch.Tensor:
        level = model.schedule(t)
        return level.alpha[:, None] * curve(t) + level.sigma[:, None] * noise

    assert_close(model.velocity(path(t), curve, t).detach(), derivative(path, t).detach(), rtol=1e-7, atol=1e-7)


def test_flow_matching() -> None:
    """Lipman et al. (2022), eq. 22 with time reversed: u = (1 - sigma_min) eps - x, at t = 1 as well."""
    model = squashing_model(schedule=ndm.schedules.FlowSchedule(0.02))
    x, noise, t = torch.randn(6, 2, 3), torch.randn(6, 2, 3), torch.linspace(0.0, 1.0, 6)
    z_t = model.marginal(model.curve(x), t).sample(noise)
    assert_close(model.velocity(z_t, model.curve(x), t), 0.98 * noise - x, rtol=1e-8, atol=1e-8)


def test_the_probability_flow_of_a_variance_preserving_sde() -> None:
    """Song et al. (2020), eq. 13: dz/dt = -beta/2 (z + score), beta = sigma^2 gamma'.

    The score is (alpha x^ - z) / sigma^2.
    """
    model = squashing_model(schedule=ndm.schedules.CosineSchedule(-5.0, 3.0))
    z, t = torch.randn(6, 2), torch.linspace(0.05, 0.95, 6)
    level, predicted = model.schedule(t), model.predict(z, t)
    alpha, sigma, gamma_prime = (value[:, None] for value in (level.alpha, level.sigma, level.gamma_prime))
    score = (alpha * predicted(t) - z) / sigma**2
    assert_close(model.velocity(z, predicted, t), -(sigma**2) * gamma_prime / 2 * (z + score), rtol=1e-9)


@each_schedule
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 2.0])
def test_the_sde_is_the_limit_of_short_steps(schedule, eta) -> None:
    """(z_t - E[z_s]) / h -> drift and Var[z_s] / h -> g^2, at first order in h = t - s."""
    model, volatility = squashing_model(growth(), schedule()), ndm.volatilities.ConstantVolatility(eta)
    z, t = torch.randn(6, 1), torch.linspace(0.2, 0.9, 6)
    predicted = model.predict(z, t)
    drift, g = model.reverse_sde(z, predicted, t, volatility)
    errors = []
    for h in (2e-5, 1e-5):
        q = model.posterior(z, predicted, t - h, t, volatility)
        errors.append(torch.cat([(z - q.mean) / h - drift, q.std**2 / h - g**2], 1).abs().max())
    assert errors[1] < 0.55 * errors[0] < 0.1
    if eta == 0:
        assert_close(drift, model.velocity(z, predicted, t))


def test_the_sde_of_a_volatility_for_each_frequency() -> None:
    """In the coordinates of the transformation's basis: the same limit, for a DCT."""
    transform = small_transform("frequency", (1, 4, 4))
    model = squashing_model(
        transform, ndm.schedules.LinearSchedule(-5.0, 3.0), volatility=ndm.volatilities.MarkovVolatility()
    )
    z, t, h = torch.randn(3, 1, 4, 4), torch.tensor([0.3, 0.5, 0.7]), 1e-6
    predicted = model.predict(z, t)
    drift, g = model.reverse_sde(z, predicted, t)
    q = model.posterior(z, predicted, t - h, t)
    assert_close(((z - q.mean) / h).detach(), drift.detach(), rtol=1e-3, atol=1e-3)
    assert_close((q.std**2 / h).detach(), (g**2).detach(), rtol=1e-3, atol=1e-3)
