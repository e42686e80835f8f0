"""q(z_s | z_t, x) belongs to q(z_t | x): composed with it, and with itself, it gives what it must."""

import pytest
import torch
from exact_models import assert_close, covariance, perturbed, small_transform, squashing_model, units
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.parts.volatilities import Volatility

SCHEDULES = axes.SCHEDULES.every()
IMAGE = (1, 3, 2)


def compose(model: ndm.NeuralDiffusion, start: ndm.Gaussian, x: Tensor, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of z_s ~ q(z_s | z_t, x) for z_t ~ start; the step is linear in z_t."""
    curve = model.curve(x)
    step = model.posterior(start.mean, curve, s, t)
    moved = model.posterior(start.mean + units(x.shape[1:]), curve, s, t).mean - step.mean
    slope = moved.flatten(1).mT
    return step.mean, slope @ covariance(start) @ slope.mT + covariance(step)


def times(*values: float) -> tuple[Tensor, ...]:
    return tuple(torch.tensor(value) for value in values)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("name", SCHEDULES)
def test_keeps_the_marginals_for_every_schedule_and_eta(name, eta) -> None:
    """Identity 4: the integral of q(z_s | z_t, x) q(z_t | x) over z_t is q(z_s | x)."""
    model = squashing_model(
        small_transform("series"), perturbed(SCHEDULES[name]()), volatility=ndm.volatilities.ConstantVolatility(eta)
    )
    x = torch.randn(1, 3)
    for s, t in (times(0.2, 0.7), times(0.0, 1.0), times(0.999, 1.0), times(0.0, 0.001)):
        mean, cov = compose(model, model.marginal(model.curve(x), t), x, s, t)
        expected = model.marginal(model.curve(x), s)
        assert_close(mean, expected.mean, atol=1e-9)
        assert_close(cov, covariance(expected), atol=1e-9)


def volatilities() -> dict[str, Volatility]:
    best = ndm.volatilities.BestVolatility(num_bins=4)
    best.observe(torch.rand(64), torch.randn(64, *IMAGE), torch.randn(64, *IMAGE))
    return {
        "constant": ndm.volatilities.ConstantVolatility(0.7),
        "learned": perturbed(ndm.volatilities.LearnedVolatility(num_bins=5), std=0.5),
        "best": best,
        "per_dimension": perturbed(ndm.volatilities.PerDimensionVolatility(IMAGE), std=0.5),
        "markov": ndm.volatilities.MarkovVolatility(),
        "random": ndm.volatilities.RandomVolatility().eval(),
    }


@pytest.fixture(params=axes.VOLATILITIES.every())
def image_model(request) -> ndm.NeuralDiffusion:
    """F diagonal in the frequencies of an image, and a volatility that may have one value for each of them."""
    return squashing_model(
        small_transform("frequency", IMAGE),
        ndm.schedules.CosineSchedule(-6.0, 4.0),
        volatility=volatilities()[request.param],
    )


def test_keeps_the_marginals_for_every_volatility(image_model) -> None:
    """Identity 4 with full covariance matrices: one eta for each dimension, in the basis of F."""
    x, (s, t) = torch.randn(1, *IMAGE), times(0.15, 0.8)
    mean, cov = compose(image_model, image_model.marginal(image_model.curve(x), t), x, s, t)
    expected = image_model.marginal(image_model.curve(x), s)
    assert_close(mean, expected.mean)
    assert_close(cov, covariance(expected))


def test_two_steps_are_one(image_model) -> None:
    """q(z_r | z_s, x) composed with q(z_s | z_t, x) is q(z_r | z_t, x): D adds up, and the process is one process."""
    x, z_t, (r, s, t) = torch.randn(1, *IMAGE), torch.randn(1, *IMAGE), times(0.15, 0.4, 0.8)
    curve = image_model.curve(x)
    mean, cov = compose(image_model, image_model.posterior(z_t, curve, s, t), x, r, s)
    direct = image_model.posterior(z_t, curve, r, t)
    assert_close(mean, direct.mean)
    assert_close(cov, covariance(direct))


def test_volatility_and_its_integral_belong_together(image_model) -> None:
    """dD/dt = eta_t gamma'_t at the integral's upper end."""
    volatility, schedule, transform = image_model.volatility, image_model.schedule, image_model.transform
    s, t, step = torch.tensor([0.1]), torch.tensor([0.63]), 1e-6

    def d(u: Tensor) -> Tensor:
        return volatility.integral(s, u, schedule, transform)

    slope = (d(t + step) - d(t - step)) / (2 * step)
    assert_close(slope, volatility.eta(t, schedule, transform) * schedule(t).gamma_prime, rtol=1e-6)


def test_times_of_a_batch_are_taken_example_by_example() -> None:
    """A batch of times gives what its examples give alone."""
    model = squashing_model(small_transform("series"), volatility=ndm.volatilities.ConstantVolatility(0.5))
    x, z_t, t = torch.randn(3, 3), torch.randn(3, 3), torch.tensor([0.3, 0.6, 1.0])
    batch = model.posterior(z_t, model.curve(x), t / 2, t)
    for i in range(3):
        one = model.posterior(z_t[i : i + 1], model.curve(x[i : i + 1]), t[i] / 2, t[i])
        assert_close(batch.mean[i : i + 1], one.mean)
        assert_close(batch.std[i], one.std)
