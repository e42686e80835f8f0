"""Optimised time grids: the search, and models of which the answer is known."""

from itertools import combinations, pairwise

import pytest
import torch
from exact_models import assert_close, gaussian_model, squashing_model
from torch import Tensor

import ndm
from ndm.base.errors import InputError
from ndm.parts.schedules import Schedule
from ndm.samplers._times import uniform_time
from ndm.samplers.grids import uniform_gamma
from ndm.samplers.grids.optimised import shortest_path

DATA = torch.tensor([[2.3]], dtype=torch.float64)


def length(lengths: Tensor, path: list[int]) -> float:
    return sum(float(lengths[i, j]) for i, j in pairwise(path))


def upper(lengths: Tensor) -> Tensor:
    return lengths.masked_fill(torch.ones_like(lengths).tril().bool(), torch.inf)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 7])
def test_the_shortest_path_is_that_of_brute_force(steps) -> None:
    lengths = upper(torch.rand(8, 8))
    every = [[0, *between, 7] for between in combinations(range(1, 7), steps - 1)]
    found = shortest_path(lengths, steps)
    assert len(found) == steps + 1 and found in every
    assert length(lengths, found) == min(length(lengths, path) for path in every)


def local_errors(model: ndm.NeuralDiffusion, times: Tensor) -> Tensor:
    """e(t, s) for Gaussian data, exactly: a deterministic step against z_s = z_t std_s / std_t, and dz_0 / dz_s."""
    level, variance = model.schedule(times), DATA[0, 0]
    std = (level.alpha**2 * variance + level.sigma**2).sqrt()
    x_hat = level.alpha * variance / std**2  # per unit of z_t
    ratio = level.sigma / level.sigma[:, None]  # of t (rows) and s (columns)
    step = level.alpha * x_hat[:, None] + ratio * (1 - level.alpha * x_hat)[:, None]
    return upper((step * std[:, None] / std - 1).abs() * std[-1] / std[0])  # the walk starts from p(z_1), of std 1


def test_the_errors_on_gaussian_data_are_the_exact_ones() -> None:
    model = gaussian_model(DATA, schedule=ndm.schedules.CosineSchedule(-5.0, 4.0))
    grid = ndm.samplers.grids.Optimised(model, (1,), samples=2000, fine=64)
    exact = local_errors(model, grid.times)
    assert_close(grid.errors, exact, rtol=0.06, atol=1e-3)
    for steps in (2, 4, 8):
        assert length(exact**2, shortest_path(grid.errors**2, steps)) < 1.01 * length(
            exact**2, shortest_path(exact**2, steps)
        )


class Warped(Schedule):
    """gamma(t) = linear in t^3: another clock for the same process."""

    def gamma(self, t: Tensor) -> Tensor:
        return -5 + 9 * t**3


def test_the_grid_undoes_a_change_of_clock() -> None:
    """Two models that differ by their clock alone visit the same noise levels, to the resolution of the fine times."""
    found = []
    for schedule in (ndm.schedules.LinearSchedule(-5.0, 4.0), Warped()):
        model = gaussian_model(DATA, schedule=schedule)
        found.append(schedule.gamma(ndm.samplers.grids.Optimised(model, (1,), samples=32, fine=48)(schedule, 6)))
    assert (found[0] - found[1]).abs().max() < 2 * 9 / 48
    assert (found[0] - torch.linspace(4.0, -5.0, 7)).abs().max() > 1.0  # and they are no uniform grid


@pytest.mark.parametrize("steps", [2, 4, 8])
@pytest.mark.parametrize(
    "schedule", [ndm.schedules.LinearSchedule, ndm.schedules.CosineSchedule, ndm.schedules.FlowSchedule]
)
def test_no_uniform_grid_is_better_in_its_own_measure(schedule, steps) -> None:
    model = squashing_model(schedule=schedule())
    grid = ndm.samplers.grids.Optimised(model, (2,), samples=16, fine=32)

    def measure(times: Tensor) -> float:
        index = [int((grid.times - t).abs().argmin()) for t in times]
        assert (grid.times[index] - times).abs().max() < 2e-5
        return length(grid.errors**2, index)

    best = measure(grid(model.schedule, steps))
    assert best <= measure(uniform_time(model.schedule, steps)) and best <= measure(
        uniform_gamma(model.schedule, steps)
    )


def test_it_nearly_halves_the_error_of_the_deterministic_sampler() -> None:
    """Data N(1, v) and N(-1, v) in halves, against the adaptive ODE, on other samples than the grid was made of."""
    schedule, v = ndm.schedules.LinearSchedule(-10.0, 6.0), 0.1

    def exact_predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        alpha, sigma = schedule(t).alpha[:, None], schedule(t).sigma[:, None]
        variance = alpha**2 * v + sigma**2
        return (sigma**2 * torch.tanh(alpha * z_t / variance) + alpha * v * z_t) / variance

    model = ndm.NeuralDiffusion(schedule, ndm.IdentityTransform(), exact_predictor, ndm.GaussianDecoder()).eval()
    errors = []
    for grid in (uniform_time, ndm.samplers.grids.Optimised(model, (1,))):
        path = ndm.samplers.Deterministic(model, 8, grid=grid).trajectory((256, 1), seed=7)
        exact = ndm.decode(model, path[0], solver=ndm.ode.solvers.Adaptive("dopri8", 1e-9, 1e-9))
        errors.append(float((path[-1] / schedule(torch.tensor(0.0)).alpha - exact).square().mean().sqrt()))
    assert errors[1] < 0.6 * errors[0], errors


def test_it_belongs_to_its_seed_and_leaves_the_model_as_it_was() -> None:
    model = squashing_model().train()
    grids = [ndm.samplers.grids.Optimised(model, (2,), samples=4, fine=16, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(grids[0].errors, grids[1].errors) and not torch.equal(grids[0].errors, grids[2].errors)
    assert torch.equal(grids[0](model.schedule, 4), grids[1](model.schedule, 4)) and model.training


def test_more_steps_than_are_optimised_divide_the_same_intervals() -> None:
    model = squashing_model()
    grid = ndm.samplers.grids.Optimised(model, (2,), samples=4, fine=16)
    assert_close(grid(model.schedule, 12)[::3], grid(model.schedule, 4))


def test_a_search_of_nothing_is_refused() -> None:
    for options, least in (({"samples": 1}, 2), ({"fine": 3}, 4)):
        with pytest.raises(InputError, match=f"at least {least}"):
            ndm.samplers.grids.Optimised(squashing_model(), (2,), **options)
