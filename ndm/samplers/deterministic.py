"""The deterministic sampler of first order, which generalises DDIM."""

from torch import Tensor

from ndm.model import NeuralDiffusion
from ndm.parts.volatilities.constant import ConstantVolatility
from ndm.samplers.sampler import Grid, Sampler


class Deterministic(Sampler):
    """The deterministic sampler, z_s = alpha_s f^(s) + (sigma_s / sigma_t) (z_t - alpha_t f^(t)) with f^ from z_t.

    It follows the ODE (eta = 0), where the variance of a step is 0: the model's reverse steps play no part. Of first
    order in the step, and exact where the predicted curve does not change. For F = identity it is DDIM: Song et al.
    (2020), https://arxiv.org/abs/2010.02502.
    """

    order = 1

    def __init__(self, model: NeuralDiffusion, steps: int = 50, *, grid: str | Grid = "time") -> None:
        super().__init__(model, steps, grid=grid)
        self.volatility = ConstantVolatility(0.0)

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        step = self.model.kernel(z_t, s, t, self.volatility)
        return step(z_t, self.model.predict(z_t, t, cond)).mean
