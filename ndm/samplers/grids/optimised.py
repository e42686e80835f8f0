"""A time grid that is optimised for one model and a given number of steps."""

from functools import cached_property

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.modes import evaluating, unmixed
from ndm.base.noise import sample_noise
from ndm.base.ranges import check_count, check_shape
from ndm.base.seeds import check_seed
from ndm.base.shapes import sum_event
from ndm.model import NeuralDiffusion
from ndm.parts.schedules import Schedule
from ndm.parts.volatilities.constant import ConstantVolatility
from ndm.samplers._times import check_steps, uniform_time
from ndm.samplers.grids.gamma import uniform_gamma
from ndm.samplers.grids.grid import Grid
from ndm.samplers.multistep_third import ThirdOrderMultistep

_APART = 1e-5  # of fine times, at least: so that single precision can divide their intervals
_SHARE = 4  # fine times for each step, at least


class Optimised(Grid):
    """The times out of a fine grid with the least sum of squared errors at t = 0 for a deterministic sampler.

    Some samples are taken down the fine grid. The step from t to s along the curve predicted at z_t misses z_s by

        m(t, s) = alpha_s f^_t(s) + (sigma_s / sigma_t) (z_t - alpha_t f^_t(t)) - z_s

    of which, to first order, (dz_0 / dz_s) m arrives at t = 0. For a random direction r of independent signs and
    lambda_s = (dz_0 / dz_s)^T r, carried back along the walk, the mean of (lambda_s . m)^2 is the mean square of that,
    e(t, s)^2. The path of the given number of steps with the least sum of e^2 is found by dynamic programming.
    It is made for samplers that begin each step anew (deterministic, heun): its last steps are long, and multistep
    samplers extrapolate across them.
    Source of the search: Watson et al., Learning to Efficiently Sample from Diffusion Probabilistic Models (2021),
    https://arxiv.org/abs/2106.03802, which sums terms of the bound.

    Args:
        model: what the times are for, as it is at the first call, which costs two evaluations and a gradient for each
            fine time.
        event_shape: of its events.
        cond: labels (samples,), for models that take them.
        samples: the number of samples.
        fine: the fine times are those of both uniform grids with this number of steps. Up to fine / 4 steps are
            optimised; more divide the intervals of fine / 4 evenly.
        seed: the seed of the samples.

    Raises:
        InputError: for less than 4 fine steps and less than 2 samples.
    """

    def __init__(
        self,
        model: NeuralDiffusion,
        event_shape: tuple[int, ...],
        cond: Tensor | None = None,
        *,
        samples: int = 128,
        fine: int = 64,
        seed: int = 0,
    ) -> None:
        check_count("samples", samples, 2)
        check_count("fine", fine, _SHARE)
        check_seed(seed)
        self.model, self.shape, self.cond, self.fine, self.seed = (
            model,
            (samples, *check_shape(event_shape)),
            cond,
            fine,
            seed,
        )

    @classmethod
    def for_model(cls, model: NeuralDiffusion, event_shape: tuple[int, ...] | None) -> "Optimised":
        if event_shape is None:
            raise InputError(
                "the optimised grid for a model whose parts have no shape",
                "the shape of its events",
                "make it: ndm.samplers.grids.Optimised(model, event_shape)",
            )
        return cls(model, event_shape)

    def __call__(self, schedule: Schedule, steps: int) -> Tensor:
        check_steps(steps)
        chosen = min(steps, self.fine // _SHARE)
        times = self.times[shortest_path(self.errors.square(), chosen)]
        place = torch.arange(steps + 1, dtype=torch.float64) * chosen / steps
        before = place.long().clamp(max=chosen - 1)
        return times[before] + (place - before) * (times[before + 1] - times[before])

    @cached_property
    @unmixed()
    def times(self) -> Tensor:
        """The fine times from 1 to 0, float64."""
        both = torch.cat([grid(self.model.schedule, self.fine) for grid in (uniform_time, uniform_gamma)]).unique()
        between = both[(both > _APART) & (both < 1 - _APART)]
        between = between[between.diff(prepend=between.new_zeros(1)) > _APART]
        return torch.cat([both.new_ones(1), between.flip(0), both.new_zeros(1)])

    @cached_property
    @torch.no_grad()
    @unmixed()
    def errors(self) -> Tensor:
        """e(t_i, t_j) of the fine times, float64 (N, N); infinite for j <= i."""
        walk = ThirdOrderMultistep(self.model, len(self.times) - 1, grid=lambda schedule, steps: self.times)
        path = walk.trajectory(self.shape, self.cond, seed=self.seed)
        times, still = self.times.to(path).unbind(), ConstantVolatility(0.0)
        errors = torch.full((len(times), len(times)), torch.inf, dtype=torch.float64)
        adjoints = torch.empty_like(path)  # lambda
        adjoints[-1] = sample_noise(self.seed, len(path[0]), self.shape, path).signs()  # of samples that follow
        with evaluating(self.model):
            for i in reversed(range(len(times) - 1)):
                t = times[i]
                with torch.enable_grad():
                    z_t = path[i].detach().requires_grad_()
                    predicted = self.model.predict(z_t, t, self.cond)
                    z_s = self.model.posterior(z_t, predicted, times[i + 1], t, still).mean
                    (adjoints[i],) = torch.autograd.grad(z_s, z_t, adjoints[i + 1])
                for j, s in enumerate(times[i + 1 :], i + 1):
                    missed = self.model.posterior(path[i], predicted, s, t, still).mean - path[j]
                    errors[i, j] = sum_event(adjoints[j] * missed).square().mean().sqrt()
        return errors


def shortest_path(lengths: Tensor, steps: int) -> list[int]:
    """Find the points 0 = i_0 < i_1 < ... < i_steps = N - 1 with the least sum of lengths[i_k, i_k+1], lengths (N, N).

    best_k(j) = min_i best_k-1(i) + lengths[i, j]: Bellman (1957).
    """
    best, came_from = lengths[0], []
    for _ in range(steps - 1):
        best, origin = (best[:, None] + lengths).min(0)
        came_from.append(origin)
    path = [len(lengths) - 1]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1]]))
    return [0, *reversed(path)]
