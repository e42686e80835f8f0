"""Samplers against the law that they converge to, for data of five levels and exact posteriors, with their order."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.parts.reverse_steps.mixture import MixtureReverseStep
from ndm.parts.reverse_steps.moments import MomentsReverseStep
from ndm.samplers import Sampler
from ndm.samplers._times import uniform_time
from ndm.samplers.grids import uniform_gamma

from .chains import cdf, chain_model, expectation, interpolated, latent, quantile

pytestmark = [pytest.mark.law(registry="sampler")]

SAMPLERS = axes.SAMPLERS.every()
OF_THE_ODE = ["deterministic", "heun", "multistep", "multistep_third", "ode"]
OF_THE_SDE = ["ancestral", "exponential", "sde"]
ZERO, ONE = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)


def curved(schedule: ndm.parts.schedules.Schedule, steps: int) -> Tensor:
    """A grid that is neither of the uniform ones."""
    u = torch.linspace(1, 0, steps + 1)
    return (u + u**2) / 2


GRIDS = {"time": uniform_time, "gamma": uniform_gamma, "curved": curved}


class Given:
    """In place of noise: these numbers (B,), one after another; 0 where there are none."""

    def __init__(self, like: Tensor, *numbers: Tensor) -> None:
        self.like, self.numbers = like, iter(numbers)

    def normal(self) -> Tensor:
        return next(self.numbers, torch.zeros_like(self.like))


def model_of_levels(**parts) -> ndm.NeuralDiffusion:
    return chain_model(schedule=ndm.schedules.CosineSchedule(-1.5, 3.0), **parts)


def slope(steps: list[int], errors: list[float]) -> float:
    """Of log error over log step, by least squares."""
    return float(np.polyfit(np.log([1 / n for n in steps]), np.log(errors), 1)[0])


def transported(model: ndm.NeuralDiffusion, z_1: Tensor) -> Tensor:
    """The ODE's z_0 from z_1 (B,): in one dimension it keeps the share of the law below it."""
    return quantile(latent(model, ZERO), cdf(latent(model, ONE), z_1))


def test_every_sampler_of_the_library_is_here() -> None:
    assert SAMPLERS.keys() == {*OF_THE_ODE, *OF_THE_SDE}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", OF_THE_ODE + OF_THE_SDE)
def test_without_noise_a_sampler_follows_the_ode(name, grid) -> None:
    """Sample by sample, at its declared order or to its tolerance, whatever the reverse steps are: the ancestral
    sampler's, which has the model's own steps, are q's here."""
    model, z_1 = model_of_levels(), torch.linspace(-2.5, 2.5, 41)
    exact, options = transported(model, z_1), {"eta": 0.0} if name in OF_THE_SDE else {}
    if name != "ancestral":
        model.reverse_step = ndm.reverse_steps.LearnedReverseStep((1,), 3)
    steps, errors = [24, 48, 96], []
    for n in steps:
        sampler = SAMPLERS[name](model, n, grid=GRIDS[grid], **options)
        *_, z_0 = sampler.walk(z_1[:, None], sampler.times, Given(z_1[:, None]), None)
        errors.append(float((z_0[:, 0] - exact).abs().max()))
    if sampler.order is None:
        assert max(errors) < 1e-4
    else:
        assert abs(slope(steps, errors) - sampler.order) < 0.3, errors


@pytest.mark.parametrize("reverse_step", [MomentsReverseStep, MixtureReverseStep])
def test_steps_of_posteriors_without_volatility_tend_to_the_ode(reverse_step) -> None:
    """Their variance is of the order of the step's square, so that the mean squared distance falls like 1 / steps."""
    model, steps, squares = model_of_levels(reverse_step=reverse_step()), [16, 32, 64], []
    for n in steps:
        path = ndm.samplers.Ancestral(model, n, eta=0.0).trajectory((1000, 1), seed=2)[..., 0]
        squares.append(float((path[-1] - transported(model, path[0])).square().mean()))
    assert squares[-1] < 0.02 and 0.8 < slope(steps, squares) < 1.2, squares


def functions(z: Tensor) -> Tensor:
    """What laws are compared by, (N,) -> (N, 3)."""
    return torch.stack([torch.cos(2 * z), torch.sin(3 * z), torch.sigmoid(4 * z - 1)], -1)


def hermite(num: int, dimensions: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Nodes (num^dimensions, dimensions) and weights of E[f(n)], by Gauss and Hermite."""
    nodes, weights = (torch.from_numpy(value) for value in np.polynomial.hermite_e.hermegauss(num))
    every = torch.cartesian_prod(*[nodes] * dimensions).reshape(-1, dimensions)
    products = torch.cartesian_prod(*[weights] * dimensions).reshape(-1, dimensions).prod(1)
    return every, products / products.sum()


Z = torch.linspace(-6, 6, 161, dtype=torch.float64)


def means(sampler: Sampler, numbers: int) -> Tensor:
    """E[functions(z_0)] from z_1 ~ q(z_1), (3,), of a sampler without memory that takes so many numbers in a step.

    Backwards, h_t(z) = E[h_s(z_s) | z_t = z], through the steps of the sampler itself.
    """
    noise, weights = hermite(8, numbers)
    z_t, h = Z.repeat_interleave(len(weights))[:, None], functions(Z)
    for s, t in pairwise(sampler.times.flip(0)):
        given = Given(z_t, *noise.repeat(len(Z), 1)[..., None].unbind(1))
        (z_s,) = sampler.walk(z_t, torch.stack([t, s]), given, None)
        h = torch.einsum("n,bnk->bk", weights, interpolated(Z, h)(z_s[:, 0]).reshape(len(Z), len(weights), -1))
    return expectation(latent(sampler.model, ONE), interpolated(Z, h))[0]


def guess(model: ndm.NeuralDiffusion, z: Tensor, t: Tensor) -> Tensor:
    """x^ (B,) at z (B,)."""
    return model.predict(z[:, None], t)(t)[:, 0]


def means_with_memory(sampler: ndm.samplers.Exponential) -> Tensor:
    """As `means`, for a sampler that remembers the last prediction: h(z, b), b = x^ at the time before.

    A walk of two steps from the z_r that has that prediction, by the noise that leads to z, makes it remember b.
    """
    model, (nodes, weights) = sampler.model, hermite(8, 1)
    b, z = torch.linspace(-0.999, 0.999, 13), torch.linspace(-5, 5, 121)
    at_z = z.repeat_interleave(len(b))
    h = functions(at_z)

    def value(z_s: Tensor, x_hat: Tensor) -> Tensor:
        splines = [RectBivariateSpline(z.numpy(), b.numpy(), one.reshape(len(z), -1).numpy()) for one in h.unbind(1)]
        points = z_s.clamp(z[0], z[-1]).numpy(), x_hat.clamp(b[0], b[-1]).numpy()
        return torch.from_numpy(np.stack([spline(*points, grid=False) for spline in splines], -1))

    times = sampler.times
    for s, t, r in zip(*(times.flip(0)[k:] for k in range(3)), strict=False):
        low, high = torch.full_like(b, -80.0), torch.full_like(b, 80.0)
        for _ in range(36):  # x^ rises with z
            middle = (low + high) / 2
            below = guess(model, middle, r) < b
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        z_r = ((low + high) / 2).repeat(len(z))
        first = model.posterior(z_r[:, None], model.predict(z_r[:, None], r), t, r, sampler.volatility)
        to_z = (at_z[:, None] - first.mean) / first.std
        start, given = (part.repeat_interleave(len(nodes), 0) for part in (z_r[:, None], to_z))
        _, z_s = sampler.walk(start, torch.stack([r, t, s]), Given(start, given, nodes.repeat(len(at_z), 1)), None)
        x_hat = guess(model, at_z, t).repeat_interleave(len(nodes))
        h = torch.einsum("n,bnk->bk", weights, value(z_s[:, 0], x_hat).reshape(len(at_z), len(nodes), -1))
    z_1 = Z.repeat_interleave(len(nodes))[:, None]
    (z_s,) = sampler.walk(z_1, times[:2], Given(z_1, nodes.repeat(len(Z), 1)), None)
    last = value(z_s[:, 0], guess(model, z_1[:, 0], times[0])).reshape(len(Z), len(nodes), -1)
    return expectation(latent(model, ONE), interpolated(Z, torch.einsum("n,bnk->bk", weights, last)))[0]


@pytest.mark.parametrize("eta", [None, 2.0])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("name", "reverse_step", "order"),
    [
        ("ancestral", ndm.reverse_steps.PosteriorReverseStep, 1),
        ("ancestral", MomentsReverseStep, 2),
        ("sde", MixtureReverseStep, 2),
        ("exponential", MixtureReverseStep, 2),
    ],
)
def test_with_noise_the_law_converges_to_that_of_the_data(name, reverse_step, order, grid, eta) -> None:
    """At the declared order; steps with the right variance, and not its mean alone, have one more."""
    model, steps, errors = model_of_levels(reverse_step=reverse_step()), [12, 24, 48], []
    for n in steps:
        sampler = SAMPLERS[name](model, n, eta, grid=GRIDS[grid])
        found = means_with_memory(sampler) if name == "exponential" else means(sampler, 2 if name == "sde" else 1)
        errors.append(float((found - expectation(latent(model, ZERO), functions)[0]).abs().max()))
    assert errors[-1] < 0.03 and abs(slope(steps, errors) - order) < 0.35, errors
    assert order == sampler.order or reverse_step is MomentsReverseStep
