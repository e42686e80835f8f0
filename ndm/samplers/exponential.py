"""An exponential integrator of the reverse SDE: its linear part and its noise are exact, the curve is extrapolated."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from ndm.base.noise import Noise
from ndm.model import NeuralDiffusion
from ndm.parts.volatilities.constant import ConstantVolatility
from ndm.samplers.sampler import Grid, Sampler


class Exponential(Sampler):
    """Samples the reverse SDE, z_s ~ q(z_s | z_t, f) with volatility eta along the extrapolated curve

        f = f^_t + (h / 2 h_r) (f^_t - f^_r),        h = gamma_t - gamma_s,   h_r = gamma_r - gamma_t

    the prediction in the middle of the step, from the last two. A curve, not a point, is extrapolated; a step's shift
    is linear in it. Of second order in law for every eta (with eta = 0 sample by sample), for one evaluation of the
    network in a step. The first step is q's along the curve predicted at z_1. Exact where the curve is constant. It
    follows the reverse SDE, where w = v: the model's reverse steps play no part.
    For F = identity and eta = 1 it is SDE-DPM-Solver++(2M): Lu et al. (2022), https://arxiv.org/abs/2211.01095.

    Args:
        eta: a constant volatility; the model's own if not given.
    """

    order = 2

    def __init__(
        self, model: NeuralDiffusion, steps: int = 50, eta: float | None = None, *, grid: str | Grid = "time"
    ) -> None:
        super().__init__(model, steps, grid=grid)
        self.volatility = None if eta is None else ConstantVolatility(eta)

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        """Take the first step, without extrapolation."""
        return self.model.kernel(z_t, s, t, self.volatility)(z_t, self.model.predict(z_t, t, cond)).sample(noise)

    def walk(self, z_1: Tensor, times: Tensor, noise: Noise, cond: Tensor | None) -> Iterator[Tensor]:
        gamma = self.model.schedule.gamma(times)
        z, before = z_1, None
        for i, (t, s) in enumerate(pairwise(times)):
            predicted = self.model.predict(z, t, cond)
            step = self.model.kernel(z, s, t, self.volatility)
            extrapolated = step.shift(predicted)
            if before is not None:
                weight = (gamma[i] - gamma[i + 1]) / (2 * (gamma[i - 1] - gamma[i]))
                extrapolated = extrapolated + weight * (extrapolated - step.shift(before))
            noisy = step.basis.inverse(step.std * noise.normal())
            z, before = extrapolated + step.basis.scale(step.c, z) + noisy, predicted
            yield z
