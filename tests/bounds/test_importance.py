"""The importance-weighted bound: a closed form, and its place between the NELBO and the truth."""

import math

import pytest
import torch
from exact_models import ONE, ZERO, assert_close, gaussian_model, growth

import ndm
from ndm.base.errors import InputError
from ndm.base.spec import Spec

DATA = torch.tensor([[2.3]], dtype=torch.float64)
T = 4


def coarse() -> ndm.NeuralDiffusion:
    return gaussian_model(DATA, growth(), ndm.schedules.LinearSchedule(-3.0, 3.0))


def density(model: ndm.NeuralDiffusion, x: torch.Tensor) -> torch.Tensor:
    """log p(x) of the chain of T steps: everything is linear and Gaussian, so that variances follow one by one."""
    variance = torch.ones(())
    for k in reversed(range(T)):
        step = torch.tensor([k])
        z = torch.ones(1, 1)
        p = model.reverse_kernel(z, model.predict(z, torch.tensor((k + 1) / T)), step, T)
        variance = p.mean[0, 0] ** 2 * variance + p.std.reshape(()) ** 2
    level = model.schedule(ZERO)
    std = ((variance + level.sigma**2) / level.alpha**2).sqrt()
    return torch.distributions.Normal(0.0, std).log_prob(x[:, 0])


def test_many_draws_reach_the_density_of_the_chain() -> None:
    model, x = coarse(), torch.tensor([[-2.0], [0.3], [1.1], [3.0]])
    found = ndm.importance_weighted(model, x, timesteps=T, draws=20_000)
    error = found.effective_draws.reciprocal().sqrt()
    assert error.max() < 0.05
    assert ((found.total + density(model, x)).abs() < 5 * error).all()


def test_one_draw_is_the_bound_and_more_are_tighter() -> None:
    model = coarse()
    x = DATA.sqrt() * torch.randn(400, 1)
    truth = -density(model, x).mean()
    bound = ndm.nelbo(model, x, timesteps=T, draws=256).total.mean()
    totals = [
        torch.stack([ndm.importance_weighted(model, x, timesteps=T, draws=k).total.mean() for _ in range(20)])
        for k in (1, 4, 16)
    ]
    errors = [float(total.std() / math.sqrt(20)) for total in totals]
    means = [float(total.mean()) for total in totals]
    assert abs(means[0] - bound) < 4 * errors[0] + 0.01
    assert means[0] > means[1] > means[2] > truth - 3 * errors[2]
    assert means[0] - truth > 4 * (means[2] - truth)


def test_batches_and_labels_change_nothing() -> None:
    model, x = coarse(), torch.randn(5, 1)
    one, other = (
        ndm.importance_weighted(
            model, x, timesteps=T, draws=3, batch_size=15, generator=torch.Generator().manual_seed(0)
        )
        for _ in range(2)
    )
    assert_close(one.total, other.total)
    assert ((one.effective_draws >= 1) & (one.effective_draws <= 3)).all() and ONE == 1


def test_mixture_steps_have_weights_too() -> None:
    transform = ndm.IdentityTransform()
    predictor = ndm.DirectPredictor.from_spec(
        Spec((2,)), transform=transform, parameterisation="gaussian_mixture", width=8, depth=1
    ).double()
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(-3.0, 3.0),
        transform,
        predictor,
        ndm.GaussianDecoder(),
        reverse_step=ndm.reverse_steps.MixtureReverseStep(),
    ).eval()
    x = torch.randn(100, 2)
    bound = ndm.nelbo(model, x, timesteps=2, draws=256).total.mean()
    assert ndm.importance_weighted(model, x, timesteps=2, draws=64).total.mean() < bound


def test_what_cannot_be_weighed_is_refused() -> None:
    model, x = coarse(), torch.randn(2, 1)
    for options in (
        {"timesteps": 0},
        {"timesteps": T, "draws": 0},
        {"timesteps": T, "draws": 10**9},
        {"timesteps": T, "batch_size": 0},
    ):
        with pytest.raises(InputError, match=r"= 0|draws = 1000000000"):
            ndm.importance_weighted(model, x, **options)
    with pytest.raises(InputError, match="empty"):
        ndm.importance_weighted(model, x[:0], timesteps=T)
