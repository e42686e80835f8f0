"""The best variance in closed form, from a running estimate of the model's error."""

import torch
from torch import Tensor

from ndm.step_variances.step_variance import TabulatedStepVariance


class AnalyticStepVariance(TabulatedStepVariance):
    """w = v + E[(mean of q - mean of p)^2], a running average for each step and dimension, taken while training.

    It minimises the KL of the step for the model as it is. Source of the idea: Bao et al., Analytic-DPM (2022),
    https://arxiv.org/abs/2201.06503.
    """

    def __init__(self, event_shape: tuple[int, ...], timesteps: int, decay: float = 0.99) -> None:
        super().__init__(event_shape, timesteps)
        self.decay = decay
        self.excess: Tensor
        self.register_buffer("excess", torch.zeros(timesteps, *self.event_shape))  # E[(mean difference)^2] / v

    def ratio(self) -> Tensor:
        return 1 + self.excess

    @torch.no_grad()
    def observe(self, variance: Tensor, step: Tensor, timesteps: int, squared_difference: Tensor) -> None:
        if timesteps != self.timesteps:
            return
        relative = (squared_difference / variance).to(self.excess.dtype)
        sums = torch.zeros_like(self.excess).index_add(0, step, relative)
        counts = torch.bincount(step, minlength=timesteps)
        seen = counts > 0
        means = sums[seen] / counts[seen].reshape(-1, *[1] * (sums.ndim - 1))
        old = self.excess[seen]
        self.excess[seen] = torch.where(old > 0, torch.lerp(means, old, self.decay), means)
