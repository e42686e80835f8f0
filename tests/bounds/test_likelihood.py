"""The estimate that is reported: units, mean and standard error."""

import math

import pytest
import torch
from exact_models import ONE, ZERO, assert_close, cubature, diffusion, entropy, expected_bound, gaussian_model, growth

import ndm

DATA = torch.tensor([[2.3]], dtype=torch.float64)


@pytest.mark.parametrize("event_shape", [(2,), (3, 4, 4)])
def test_bits_per_dim(event_shape) -> None:
    """A uniform distribution over 256 levels has 8 bits per dimension, whatever the shape."""
    nats = math.prod(event_shape) * math.log(256)
    assert ndm.bits_per_dim(nats, event_shape) == pytest.approx(8, rel=1e-12)
    assert_close(ndm.bits_per_dim(torch.full((3,), nats), event_shape), 8.0)


@pytest.mark.parametrize("timesteps", [None, 1, 6])
def test_nelbo_is_unbiased_and_its_error_honest(timesteps) -> None:
    """Against exact expectations for fixed x, in 400 estimates: their mean is right, and so is what they say of it."""
    model = gaussian_model(
        DATA, growth(), ndm.schedules.LinearSchedule(-4.0, 3.0), volatility=ndm.volatilities.ConstantVolatility(0.6)
    )
    points, noise = torch.tensor([[-2.0], [0.3], [1.1], [4.0]]), cubature(1)
    exact = torch.stack([diffusion(model, x.expand(2, 1), noise, timesteps).mean() for x in points]).detach()
    estimate = ndm.nelbo(model, points.repeat(100, 1), timesteps=timesteps, draws=256)
    assert_close(estimate.prior, model.marginal(model.curve(points), ONE).kl(model.prior(points)).repeat(100))
    errors = (estimate.diffusion - exact.repeat(100)).reshape(100, 4)
    assert (errors.mean(0).abs() < 4 * errors.std(0) / 10).all()
    said = estimate.standard_error.reshape(100, 4)
    ratio = errors.std(0) / said.square().mean(0).sqrt()
    assert (ratio < 1.3).all() and (ratio > 0.3).all()  # below 1: the draws are stratified
    assert (errors.abs() < 2 * said).double().mean() > 0.9


def test_nelbo_of_data_is_the_closed_form() -> None:
    """Averaged over x ~ N(0, 2.3) it is 1.835412 (identity 3), at least the entropy, within 4 standard errors."""
    model, x = gaussian_model(DATA), DATA.sqrt() * torch.randn(4000, 1)
    estimate = ndm.nelbo(model, x, draws=16).total
    error = estimate.std() / math.sqrt(len(x))
    assert error < 0.05
    assert abs(estimate.mean() - expected_bound(model, DATA).total) < 4 * error
    assert expected_bound(model, DATA).total > entropy(DATA)


def test_one_step_is_a_variational_autoencoder() -> None:
    """T = 1: the chain has one latent step, KL(q(z_0 | z_1, x) || p(z_0 | z_1)), by torch.distributions."""
    model = gaussian_model(DATA, growth(), ndm.schedules.LinearSchedule(-4.0, 3.0))
    x = torch.tensor([[0.7]])
    noise = torch.randn(500, 1)
    z_1 = model.marginal(model.curve(x), ONE).sample(noise)
    q = model.posterior(z_1, model.curve(x.expand(500, 1)), ZERO, ONE)
    p = model.posterior(z_1, model.predict(z_1, ONE), ZERO, ONE)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(q.mean, q.std), normal(p.mean, p.std)).sum(1)
    assert_close(diffusion(model, x.expand(500, 1), noise, timesteps=1), expected, rtol=1e-8)
