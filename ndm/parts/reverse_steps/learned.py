"""A Gaussian step with a learned table of variances."""

import torch
from torch import Tensor, nn

from ndm.parts.reverse_steps.reverse_step import TabulatedReverseStep


class LearnedReverseStep(TabulatedReverseStep):
    """A Gaussian step with w = v exp(theta_{k,i}), learned for each step and dimension of the transform's basis.

    It starts at w = v. Source of the idea: Nichol, Dhariwal, Improved DDPM (2021), https://arxiv.org/abs/2102.09672.
    """

    def __init__(self, event_shape: tuple[int, ...], timesteps: int | None) -> None:
        super().__init__(event_shape, timesteps)
        self.log_ratio = nn.Parameter(torch.zeros(self.timesteps, *self.event_shape))

    def ratio(self) -> Tensor:
        return self.log_ratio.exp()
