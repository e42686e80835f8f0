"""Where the integrand is evaluated changes the noise of the bound, never its mean."""

import math

import pytest
import torch
from exact_models import assert_close, squashing_model
from torch import Tensor

import ndm
from ndm.bounds.time_samplers import Importance, LowDiscrepancy, Stratified, TimeSampler

NUM = 100_000
LIKE = torch.zeros(())


def peaked(u: Tensor) -> Tensor:
    """An integrand with most of its mass near u = 0.3."""
    return torch.exp(-0.5 * ((u - 0.3) / 0.05) ** 2) + 0.05


EXACT = 0.05 * math.sqrt(2 * math.pi) * (math.erf(0.7 / 0.05 / math.sqrt(2)) + math.erf(6 / math.sqrt(2))) / 2 + 0.05


@pytest.fixture
def learned() -> Importance:
    """Times that have seen the peaked integrand."""
    times = Importance(num_bins=20)
    for _ in range(50):
        u, _ = times(256, LIKE.double())
        times.observe(u, peaked(u))
    assert times.density().max() > 3
    return times


def draws(times: TimeSampler, num: int = NUM) -> tuple[Tensor, Tensor]:
    return times(num, torch.zeros((), dtype=torch.float64))


def test_importance_sampling_is_unbiased(learned) -> None:
    """E_r[l(u) / r(u)] = integral of l: evenly spread points make it a quadrature."""
    u, density = draws(learned)
    assert_close((peaked(u) / density).mean(), EXACT, rtol=1e-4)
    assert_close((torch.cos(u) / density).mean(), math.sin(1), rtol=1e-4)


def test_density_is_one(learned) -> None:
    """r integrates to 1, is never small, and is the density that the points really have."""
    assert_close(learned.density().mean(), 1.0)
    assert learned.density().min() >= 0.1
    u, density = draws(learned)
    assert ((u >= 0) & (u < 1)).all()
    shares = torch.bincount((u * 20).long(), minlength=20) / NUM
    assert_close(shares, learned.density() / 20, rtol=0, atol=2 / NUM)
    assert_close(density, learned.density()[(u * 20).long()])


def test_importance_sampling_has_less_variance(learned) -> None:
    """E_r[(l / r)^2] falls towards its least value, the square of the integral."""
    u, density = draws(learned)
    second = ((peaked(u) / density) ** 2).mean()
    uniform = (peaked(draws(LowDiscrepancy())[0]) ** 2).mean()
    assert second - EXACT**2 < 0.25 * (uniform - EXACT**2)


def test_density_approaches_the_best_one(learned) -> None:
    """On each bin 0.1 + 0.9 sqrt(E[l^2]) normalised, the moments being means over what the bin has seen."""
    u = (torch.arange(20 * 500) + 0.5) / (20 * 500)
    root = peaked(u).square().reshape(20, 500).mean(1).sqrt()
    assert_close(learned.density(), 0.1 + 0.9 * root / root.mean(), rtol=0.1)


def test_unseen_density_is_uniform() -> None:
    times = Importance(num_bins=20)
    assert_close(times.density(), 1.0)
    times.observe(torch.tensor([0.5]), torch.tensor([7.0]))
    assert_close(times.density(), 1.0)


@pytest.mark.parametrize("timesteps", [None, 7])
def test_bound_has_one_mean(timesteps) -> None:
    """Importance sampling of a model's own bound, after it has learned where to look: equal within 4 errors."""
    model, x = squashing_model(schedule=ndm.schedules.LinearSchedule(-4.0, 4.0)), torch.randn(1, 3)
    times = Importance(num_bins=8)
    model.train()
    for _ in range(20):
        ndm.bound(model, x.expand(256, 3), timesteps=timesteps, time_sampler=times)
    model.eval()
    assert times.density().max() > 1.5
    ours, plain = (
        ndm.bound(model, x.expand(20_000, 3), timesteps=timesteps, time_sampler=t).diffusion for t in (times, None)
    )
    error = math.sqrt((ours.var() + plain.var()) / 20_000)
    assert abs(ours.mean() - plain.mean()) < 4 * error


@pytest.mark.parametrize("times, size", [(LowDiscrepancy(), 8), (Stratified(4), 4)])
def test_low_discrepancy_times(times, size) -> None:
    """Each time is uniform by itself (Kolmogorov-Smirnov at 0.1 %), and each run of `size` is evenly spread."""
    u = torch.stack([draws(times, 8)[0] for _ in range(2000)])
    ordered = u.reshape(-1, size).sort(1).values
    assert_close(ordered.diff(dim=1), 1 / size)
    ranks = u.sort(0).values
    distance = (ranks - (torch.arange(2000)[:, None] + 0.5) / 2000).abs().max(0).values
    assert (distance < 1.95 / math.sqrt(2000)).all()
    assert (torch.cat([draws(times, 8)[1] for _ in range(3)]) == 1).all()
    if size < 8:  # runs have offsets of their own
        offsets = u.reshape(2000, -1, size).min(2).values
        assert abs(torch.corrcoef(offsets.mT)[0, 1]) < 4 / math.sqrt(2000)
