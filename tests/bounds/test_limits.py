"""Continuous time is the limit of many steps: of the bound, and of each step of the process."""

import math

import pytest
import torch
from exact_models import assert_close, assert_first_order, perturbed, small_transform, squashing_model
from torch import Tensor

import ndm
from ndm.bounds.bound import continuous_integrand, discrete_integrand

TRANSFORMS = ("identity", "scaling", "series", "residual")
SCHEDULE = {"gamma_min": -6.0, "gamma_max": 4.0}


def random_model(name: str, volatility: ndm.volatilities.ConstantVolatility) -> ndm.NeuralDiffusion:
    """Random F and a random network: direct heads for the time basis, plugged into F otherwise."""
    transform = small_transform(name)
    kind = ndm.DirectPredictor if name == "series" else ndm.predictors.PlugInPredictor
    outputs = 1 + transform.num_heads if name == "series" else 1
    predictor = perturbed(kind(ndm.MLP((3,), outputs, width=16, depth=1)), std=0.2)
    return ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(**SCHEDULE), transform, predictor, ndm.GaussianDecoder(), volatility
    ).eval()


@pytest.mark.parametrize("eta", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_discrete_bound_tends_to_the_continuous_one(name, eta) -> None:
    """T KL(t - 1/T, t) / l(t) = 1 + c / T + O(1 / T^2)."""
    model = random_model(name, ndm.volatilities.ConstantVolatility(eta))
    t, noise, curve = torch.tensor([0.25, 0.5, 0.75]), torch.randn(3, 3), model.curve(torch.randn(3, 3))
    limit = continuous_integrand(model, curve, t, noise, None)
    coarse, fine = (
        discrete_integrand(model, curve, (t * num).long() - 1, num, noise, noise, None) / limit - 1
        for num in (10_000, 20_000)
    )
    assert_first_order(coarse, fine, largest=0.05)


def test_discrete_bound_tends_to_the_continuous_one_in_frequencies() -> None:
    """The same with one eta for each frequency of an image: both bounds sum over the basis of F."""
    image, volatility = (1, 3, 2), perturbed(ndm.volatilities.PerDimensionVolatility((1, 3, 2)), std=0.5)
    model = squashing_model(
        small_transform("frequency", image), ndm.schedules.LinearSchedule(**SCHEDULE), volatility=volatility
    )
    noise, curve = torch.randn(3, *image), model.curve(torch.randn(3, *image))
    t = torch.tensor([0.25, 0.5, 0.75])
    limit = continuous_integrand(model, curve, t, noise, None)
    coarse, fine = (
        discrete_integrand(model, curve, (t * num).long() - 1, num, noise, noise, None) / limit - 1
        for num in (10_000, 20_000)
    )
    assert_first_order(coarse, fine, largest=0.05)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_step_tends_to_the_stochastic_differential_equation(name, eta) -> None:
    """E[z_s - z_t] / (s - t) -> v + (g^2 / 2) (z_t - alpha F) / sigma^2 and v_{s|t} / (t - s) -> g^2, like t - s,

    with v = (alpha F)' + (sigma' / sigma) (z - alpha F) and g^2 = eta sigma^2 gamma'; eta = 0 is the ODE.
    """
    model = random_model(name, ndm.volatilities.ConstantVolatility(eta))
    t, z_t, curve = torch.tensor(0.6), torch.randn(4, 3), model.curve(torch.randn(4, 3))
    f, f_prime = curve.with_velocity(t)
    level = model.schedule(t)
    # With alpha^2 + sigma^2 = 1: alpha' = -gamma' sigma^2 alpha / 2 and sigma' = gamma' alpha^2 sigma / 2.
    alpha_prime = -level.gamma_prime * level.sigma**2 * level.alpha / 2
    sigma_prime = level.gamma_prime * level.alpha**2 * level.sigma / 2
    g_squared = eta * level.sigma**2 * level.gamma_prime
    residual = z_t - level.alpha * f
    drift = (
        alpha_prime * f
        + level.alpha * f_prime
        + sigma_prime / level.sigma * residual
        + g_squared / 2 * residual / level.sigma**2
    )

    def error(step: float) -> Tensor:
        reverse = model.posterior(z_t, curve, t - step, t)
        return torch.cat([((z_t - reverse.mean) / step - drift).flatten(), (reverse.std**2 / step - g_squared)[None]])

    assert_first_order(error(1e-4), error(5e-5), largest=0.1)


def test_ratio_in_closed_form() -> None:
    """For F = identity and eta = 1, T KL / l = (exp(D) - 1) / D with D = gamma_t - gamma_s: 1 + D / 2 + ..."""
    model = squashing_model()
    curve, noise = model.curve(torch.randn(1, 3)), torch.randn(1, 3)
    limit = continuous_integrand(model, curve, torch.tensor([0.5]), noise, None)
    for timesteps in (10, 1000, 100_000):
        step = torch.tensor([timesteps // 2 - 1])
        ratio = discrete_integrand(model, curve, step, timesteps, noise, noise, None) / limit
        assert_close(ratio, math.expm1(18.3 / timesteps) * timesteps / 18.3, rtol=1e-8)
