"""Chains of few steps against their exact laws: every grid, volatility and reverse step."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import ndm
from ndm.base.errors import InputError
from ndm.parts.reverse_steps import ReverseStep
from ndm.parts.reverse_steps.mixture import MixtureReverseStep
from ndm.parts.reverse_steps.moments import MomentsReverseStep
from ndm.parts.time_functions import Pieces
from ndm.samplers._times import uniform_time
from ndm.samplers.grids import uniform_gamma
from ndm.samplers.sampler import Grid

from .chains import (
    FIVE,
    REVERSE_STEPS,
    chain_model,
    characteristic,
    count_levels,
    deviations,
    expectation,
    latent,
    law_of_levels,
    quantile,
    step_law,
)

pytestmark = [
    pytest.mark.law("Ancestral", "Gaussian", "Mixture", registry="reverse step"),
    pytest.mark.law("Optimised", registry="grid"),
]

STEP_VARIANCES = {
    "posterior": ndm.reverse_steps.PosteriorReverseStep,
    "moments": MomentsReverseStep,
    "mixture": MixtureReverseStep,
}
ETAS = [None, 0.0, 0.3, 1.0, 2.0]
CHAINS = [1, 2, 4]
GRIDS = ["time", "gamma", "optimised", "custom"]
NUM = 4000


def grid_of(name: str, model: ndm.NeuralDiffusion) -> Grid:
    return {
        "time": uniform_time,
        "gamma": uniform_gamma,
        "optimised": ndm.samplers.grids.Optimised(model, (1,), samples=8, fine=12),
        "custom": lambda schedule, steps: torch.linspace(1, 0, steps + 1) ** 1.5,
    }[name]


def assert_sampled(sampler: ndm.samplers.Ancestral, law: Tensor) -> None:
    """Samples have that law of levels, within 4 standard errors of each share."""
    off = deviations(count_levels(sampler.model, sampler((NUM, 1), seed=1)), law)
    assert off.max() < 4, (off, law)


def test_every_reverse_step_of_the_library_that_is_no_table_is_here() -> None:
    assert STEP_VARIANCES.keys() == REVERSE_STEPS.keys()


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("timesteps", CHAINS)
def test_q_averaged_over_exact_posteriors_keeps_the_law_of_the_data(timesteps, eta) -> None:
    """(x, z_t) ~ q and z_s ~ q(z_s | z_t, x) give (x, z_s) ~ q for every eta, 0 included: no number of steps is few."""
    model = chain_model(schedule=ndm.schedules.CosineSchedule(-4.0, 12.0))
    exact = expectation(
        latent(model, torch.tensor(0.0)),
        lambda z: model.decoder.log_probs(z[:, None], model.schedule(torch.zeros(len(z)))).exp()[:, 0],
    )[0]
    assert (exact - FIVE.shares).abs().max() < 0.02  # what the decoder adds
    law = law_of_levels(model, "mixture", uniform_time(model.schedule, timesteps), eta)
    torch.testing.assert_close(law, exact, rtol=0, atol=2e-3)
    assert (law_of_levels(model, "posterior", torch.tensor([1.0, 0.0]), eta) - FIVE.shares).abs().max() > 0.3


@pytest.mark.parametrize("name", STEP_VARIANCES)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("eta", ETAS)
def test_a_step_has_the_law_of_p(name, grid, eta) -> None:
    """E[exp(i w z_s)] over evenly spread noise, from several z_t, for every step of every chain."""
    model, u = chain_model(reverse_step=STEP_VARIANCES[name]()), (torch.arange(4000) + 0.5) / 4000
    frequencies, visited = torch.tensor([0.5, 1.0, 2.0, 4.0, 8.0]), grid_of(grid, model)
    for timesteps in CHAINS:
        sampler = ndm.samplers.Ancestral(model, timesteps, eta, grid=visited)
        for t, s in pairwise(sampler.times):
            z_t = quantile(latent(model, t), torch.tensor([0.02, 0.3, 0.5, 0.9]))
            law = step_law(model, name, z_t, s, t, eta)
            z_s = sampler.step(
                z_t.repeat_interleave(len(u))[:, None], s, t, torch.special.ndtri(u).repeat(4)[:, None], None
            ).reshape(4, -1, 1)
            found = torch.exp(1j * frequencies * z_s).mean(1)
            assert (found - characteristic(law, frequencies)).abs().max() < 1e-3, (timesteps, s, t)


@pytest.mark.parametrize("name", STEP_VARIANCES)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("timesteps", CHAINS)
def test_a_chain_has_the_law_of_p(name, grid, timesteps) -> None:
    """P(x = level) after all steps, for every eta."""
    model = chain_model(reverse_step=STEP_VARIANCES[name]())
    visited = grid_of(grid, model)
    for eta in ETAS:
        sampler = ndm.samplers.Ancestral(model, timesteps, eta, grid=visited)
        assert_sampled(sampler, law_of_levels(model, name, sampler.times, eta))


@pytest.mark.parametrize("name", ["moments", "mixture"])
@pytest.mark.parametrize("eta", [None, 0.3])
def test_a_scaled_path_with_a_volatility_of_each_dimension_has_the_law_of_p(name, eta) -> None:
    transform = ndm.transforms.ScalingTransform((1,), functions=Pieces(3))
    nn.init.constant_(transform.log_scale, 0.4)
    model = chain_model(
        reverse_step=STEP_VARIANCES[name](), transform=transform, volatility=ndm.volatilities.MarkovVolatility()
    )
    sampler = ndm.samplers.Ancestral(model, 2, eta, grid=uniform_gamma)
    assert_sampled(sampler, law_of_levels(model, name, sampler.times, eta))


@pytest.mark.parametrize("name", STEP_VARIANCES)
def test_the_same_process_in_other_words_draws_the_same_samples(name) -> None:
    """Its own eta as a number, its own times by another grid."""
    model = chain_model(reverse_step=STEP_VARIANCES[name](), schedule=ndm.schedules.LinearSchedule(-4.0, 2.5))
    own = ndm.samplers.Ancestral(model, 3)((200, 1))
    assert torch.equal(ndm.samplers.Ancestral(model, 3, eta=0.6)((200, 1)), own)
    assert torch.equal(ndm.samplers.Ancestral(model, 3, grid=uniform_gamma)((200, 1)), own)
    assert not torch.equal(ndm.samplers.Ancestral(model, 3, eta=1.0)((200, 1)), own)


def tables(timesteps: int) -> dict[str, ReverseStep]:
    """Of other numbers for each step."""
    learned, analytic = (
        ndm.reverse_steps.LearnedReverseStep((1,), timesteps),
        ndm.reverse_steps.AnalyticReverseStep((1,), timesteps),
    )
    ratios = torch.linspace(0.5, 3.0, timesteps)[:, None]
    nn.init.zeros_(learned.log_ratio).data += ratios.log()
    analytic.excess.value.copy_(2 * ratios)
    return {"learned": learned, "analytic": analytic}


@pytest.mark.parametrize("name", tables(1))
@pytest.mark.parametrize("timesteps", CHAINS)
def test_a_table_gives_each_step_its_own_variance(name, timesteps) -> None:
    """On the chain that it was made for, whatever calls its times by name."""
    model = chain_model(reverse_step=tables(timesteps)[name], schedule=ndm.schedules.LinearSchedule(-4.0, 2.5))
    ratios = model.reverse_step.ratio().detach()[:, 0]
    law = law_of_levels(model, "posterior", uniform_time(model.schedule, timesteps), None, ratios)
    for grid in (uniform_time, uniform_gamma):
        assert_sampled(ndm.samplers.Ancestral(model, timesteps, grid=grid), law)
    z_t, u = torch.tensor([[0.3]]), (torch.arange(4000) + 0.5) / 4000
    for k in range(timesteps):
        p = model.reverse_kernel(
            z_t.expand(4000, 1),
            model.predict(z_t.expand(4000, 1), torch.tensor((k + 1) / timesteps)),
            torch.full((4000,), k),
            timesteps,
        ).sample(torch.special.ndtri(u)[:, None])
        expected = step_law(
            model,
            "posterior",
            z_t[0],
            torch.tensor(k / timesteps),
            torch.tensor((k + 1) / timesteps),
            None,
            float(ratios[k]),
        )
        frequencies = torch.tensor([1.0, 3.0])
        assert (torch.exp(1j * frequencies * p).mean(0) - characteristic(expected, frequencies)).abs().max() < 1e-3


@pytest.mark.parametrize("name", tables(1))
@pytest.mark.parametrize(
    "options",
    [
        {"steps": 3},
        {"steps": 50},
        {"eta": 0.6},
        {"eta": 0.0},
        {"grid": uniform_gamma},
        {"grid": lambda schedule, steps: torch.linspace(1, 0, steps + 1) ** 2},
    ],
    ids=["3 steps", "50 steps", "eta 0.6", "eta 0", "gamma grid", "own grid"],
)
def test_a_table_that_cannot_serve_is_refused(name, options) -> None:
    model = chain_model(reverse_step=tables(4)[name])
    with pytest.raises(InputError, match="take T = 4"):
        ndm.samplers.Ancestral(model, **{"steps": 4} | options)
