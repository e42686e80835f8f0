"""gamma linear in t, with learned end points."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ndm.parts.schedules.linear import check_ends
from ndm.parts.schedules.schedule import Schedule


class LearnedLinearSchedule(Schedule):
    """A linear schedule with learned ends, gamma(t) = gamma_0 + (gamma_1 - gamma_0) t, gamma_1 > gamma_0.

    gamma_0 weighs the reconstruction against the diffusion, gamma_1 the prior. In continuous time that is nearly all
    there is to learn: for F = identity the bound is the same for every monotone curve between the ends (Kingma et al.,
    Variational Diffusion Models, 2021, https://arxiv.org/abs/2107.00630, section 5.1), and a learned F(x, t) can follow
    any change of clock by itself, so that the gradient of the shape would be mostly noise.

    Args:
        gamma_min, gamma_max: the end points at the start of training.
    """

    def __init__(self, gamma_min: float = -13.3, gamma_max: float = 5.0) -> None:
        super().__init__()
        check_ends(gamma_min, gamma_max)
        self.gamma_0 = nn.Parameter(torch.tensor(float(gamma_min)))
        span = gamma_max - gamma_min
        self.raw_span = nn.Parameter(torch.tensor(span + math.log(-math.expm1(-span))))  # softplus^-1(span)

    @property
    def span(self) -> Tensor:
        """The span of gamma, gamma_1 - gamma_0 > 0, ()."""
        return functional.softplus(self.raw_span)

    def gamma(self, t: Tensor) -> Tensor:
        return self.gamma_0 + self.span * t

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.gamma(t), self.span.expand(t.shape)
