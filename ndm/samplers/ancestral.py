"""The generative process itself, at any number of steps and any volatility."""

import torch
from torch import Tensor

from ndm.model import NeuralDiffusion
from ndm.samplers.grids import uniform_time
from ndm.samplers.sampler import Grid, Sampler
from ndm.volatilities.constant import ConstantVolatility


class AncestralSampler(Sampler):
    """z_s ~ p(z_s | z_t): z_s = alpha_s f^(s) + c_{s|t} (z_t - alpha_t f^(t)) + sqrt(w) n.

    eta = 0 is deterministic and follows the ODE (DDIM), eta = 1 is DDPM's chain for F = identity. A model with step
    variances of T steps uses them when it walks those T steps with its own volatility.
    Sources: https://arxiv.org/abs/2006.11239 (DDPM, 2020), https://arxiv.org/abs/2010.02502 (DDIM, 2020).

    Args:
        eta: a constant volatility; the model's own if not given.
    """

    order = 1

    def __init__(self, model: NeuralDiffusion, steps: int = 50, eta: float | None = None, *,
                 grid: Grid = uniform_time) -> None:
        super().__init__(model, steps, grid=grid)
        self.volatility = None if eta is None else ConstantVolatility(eta)

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        predicted = self.model.predict(z_t, t, cond)
        if self.volatility is None and self.grid is uniform_time:
            index = torch.full((len(z_t),), round(float(s) * self.steps), device=z_t.device)
            return self.model.reverse(z_t, predicted, index, self.steps).sample(noise)
        return self.model.posterior(z_t, predicted, s, t, self.volatility).sample(noise)
