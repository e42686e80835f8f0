"""The discrete Gaussian against the sum over all levels, and its two limits: rounding, and the best linear estimate."""

import pytest
import torch

import ndm
from ndm.parts.parameterisations import DiscreteGaussianParameterisation, ScaledParameterisation

SCHEDULE = ndm.schedules.LinearSchedule(-15.0, 5.0)


def over_all_levels(num_levels: int, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """p(v_k) ~ exp(-(v_k - mean)^2 / (2 std^2)), (B, D, L)."""
    values = torch.linspace(-1, 1, num_levels)
    return torch.softmax(-0.5 * ((values - mean[..., None]) / std[..., None]) ** 2, -1)


@pytest.mark.parametrize("num_levels", [2, 5, 17, 256])
@pytest.mark.parametrize("in_levels", [0.05, 0.3, 0.59])
def test_it_is_a_gaussian_over_all_levels(num_levels, in_levels):
    """Mean and variance, for means between levels, on them, at the ends and beyond."""
    form, level = DiscreteGaussianParameterisation(num_levels), SCHEDULE(torch.full((40,), 0.2))
    h, alpha, sigma = 2 / (num_levels - 1), level.alpha[:, None], level.sigma[:, None]
    norm = (alpha**2 + sigma**2).sqrt()
    z = torch.randn(40, 3)
    mean = (-1 + h * torch.linspace(-0.49, num_levels - 0.51, 120)).reshape(40, 3)
    std = torch.full_like(mean, in_levels * h)
    outputs = torch.stack(((mean - alpha / norm**2 * z) * norm / sigma, (std * norm / sigma).log()), 1)
    found, p = form.posterior(z, outputs, level), over_all_levels(num_levels, mean, std)
    values = torch.linspace(-1, 1, num_levels)
    expected = p @ values
    torch.testing.assert_close(found.mean, expected, rtol=0, atol=5e-4 * h)
    torch.testing.assert_close(found.variance, p @ values**2 - expected**2, rtol=0, atol=2e-3 * h**2)


def test_wide_it_is_the_best_linear_estimate_and_its_error():
    """As in the scaled parameterisation, for an output of any size."""
    form, scaled = DiscreteGaussianParameterisation(256), ScaledParameterisation()
    level, z = SCHEDULE(torch.linspace(0.5, 1, 6)), torch.randn(6, 2, 3)
    outputs = torch.randn(6, 2, 2, 3)
    outputs[:, 1] = 0.0
    found = form.posterior(z, outputs, level)
    torch.testing.assert_close(form.network_input(z, level), scaled.network_input(z, level))
    torch.testing.assert_close(found.mean, scaled.x_hat(z, outputs[:, :1], level))
    error = level.sigma**2 / (level.alpha**2 + level.sigma**2)
    torch.testing.assert_close(found.variance, error[:, None, None].expand(6, 2, 3))


def test_the_least_noise_is_rounded_away():
    """x is known where the noise is small beside the distance of two levels, whatever the network says of it."""
    form, decoder = DiscreteGaussianParameterisation(256), ndm.DiscretisedDecoder(256)
    x, level = decoder.from_integers(torch.arange(256)[None]), SCHEDULE(torch.zeros(1))
    z = level.alpha * x + level.sigma * torch.randn(1, 256)
    found = form.posterior(z, torch.zeros(1, 2, 256), level)
    torch.testing.assert_close(found.mean, x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("num_levels", [5, 256])
def test_gradients_of_both_outputs_are_right(num_levels):
    form, level = DiscreteGaussianParameterisation(num_levels), SCHEDULE(torch.tensor([0.1, 0.25, 0.3, 0.6]))
    z, outputs = torch.rand(4, 3) - 0.5, (0.3 * torch.randn(4, 2, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda o: form.posterior(z, o, level).mean, outputs)


def test_it_does_not_overflow():
    form = DiscreteGaussianParameterisation(256)
    outputs = torch.tensor([-1e4, 1e4]).float()[:, None, None] * torch.ones(2, 1)
    for t in (0.0, 0.5, 1.0):
        level = ndm.schedules.LinearSchedule().float()(torch.full((2,), t).float())
        found = form.posterior(torch.zeros(2, 1).float(), outputs.expand(2, 2, 1), level)
        assert found.mean.isfinite().all() and found.variance.isfinite().all()
