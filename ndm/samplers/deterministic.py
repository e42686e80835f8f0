"""The deterministic process, one predicted curve at a time."""

from torch import Tensor

from ndm.samplers.sampler import Sampler
from ndm.volatilities.constant import ConstantVolatility

STILL = ConstantVolatility(0.0)


class DeterministicSampler(Sampler):
    """z_s = alpha_s f^(s) + (sigma_s / sigma_t) (z_t - alpha_t f^(t)), the curve predicted at z_t: DDIM's step.

    Of first order in the step, and exact where the predicted curve does not change along the way.
    Source: Song et al., DDIM (2020), https://arxiv.org/abs/2010.02502.
    """

    order = 1

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        return self.model.posterior(z_t, self.model.predict(z_t, t, cond), s, t, STILL).mean
