"""The deterministic process by extrapolation of the predicted curve: second order for one evaluation a step."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from ndm.noise import Noise
from ndm.samplers.deterministic import STILL
from ndm.samplers.sampler import Sampler


class MultistepSampler(Sampler):
    """z_s from z_t along the curve that the last two predictions, f^_t and f^_r of the step before, extrapolate to:

        f = f^_t + (h / 2 h_r) (f^_t - f^_r),        h = gamma_t - gamma_s,   h_r = gamma_r - gamma_t

    The prediction in the middle of the step. It is a curve, not a point, that is extrapolated; a step along a curve is
    linear in it, so that steps along the two are combined. The first step is of first order. For F = identity it is
    DPM-Solver++(2M): Lu et al. (2022), https://arxiv.org/abs/2211.01095.
    """

    order = 2

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        """The first step, that of the deterministic sampler: there is nothing to extrapolate from."""
        return self.model.posterior(z_t, self.model.predict(z_t, t, cond), s, t, STILL).mean

    def walk(self, z_1: Tensor, times: Tensor, noise: Noise, cond: Tensor | None) -> Iterator[Tensor]:
        gamma = self.model.schedule.gamma(times)
        z, before = z_1, None
        for i, (t, s) in enumerate(pairwise(times)):
            predicted = self.model.predict(z, t, cond)
            along = self.model.posterior(z, predicted, s, t, STILL).mean
            if before is not None:
                weight = (gamma[i] - gamma[i + 1]) / (2 * (gamma[i - 1] - gamma[i]))
                along = along + weight * (along - self.model.posterior(z, before, s, t, STILL).mean)
            z, before = along, predicted
            yield z
