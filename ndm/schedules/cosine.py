"""The cosine schedule, cut to a range of gamma."""

import math

import torch
from torch import Tensor

from ndm.schedules.linear import check_ends
from ndm.schedules.schedule import Schedule


class CosineSchedule(Schedule):
    """gamma(t) = 2 log tan(u), u = u_0 + (u_1 - u_0) t, that is alpha = cos u and sigma = sin u.

    u runs from arctan(exp(gamma_min / 2)) to arctan(exp(gamma_max / 2)), a little inside (0, pi / 2), so that both
    ends are finite. gamma' = 2 (u_1 - u_0) / (sin u cos u).
    Source: Hoogeboom et al., simple diffusion (2023), https://arxiv.org/abs/2301.11093, section 3.1.
    """

    def __init__(self, gamma_min: float = -13.3, gamma_max: float = 5.0) -> None:
        super().__init__()
        check_ends(gamma_min, gamma_max)
        self.start = math.atan(math.exp(gamma_min / 2))
        self.span = math.atan(math.exp(gamma_max / 2)) - self.start

    def gamma(self, t: Tensor) -> Tensor:
        return 2 * torch.log(torch.tan(self.start + self.span * t))

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.gamma(t), 4 * self.span / torch.sin(2 * (self.start + self.span * t))
