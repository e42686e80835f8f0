"""The cosine schedule, cut to a range of gamma."""

import math

import torch
from torch import Tensor

from ndm.parts.schedules.linear import check_ends
from ndm.parts.schedules.schedule import Schedule


class CosineSchedule(Schedule):
    """The cosine schedule, alpha = cos u and sigma = sin u with u = u_0 + (u_1 - u_0) t, gamma(t) = 2 log tan(u).

    u runs from arctan(exp(gamma_min / 2)) to arctan(exp(gamma_max / 2)), a little inside (0, pi / 2), so that both
    ends are finite. gamma' = 2 (u_1 - u_0) / (sin u cos u). cos u = sin v with v = pi / 2 - u, which is added up from
    its own end: near pi / 2 the digits of u are not enough for its cosine.
    Source: Hoogeboom et al., simple diffusion (2023), https://arxiv.org/abs/2301.11093, section 3.1.
    """

    def __init__(self, gamma_min: float = -13.3, gamma_max: float = 5.0) -> None:
        super().__init__()
        check_ends(gamma_min, gamma_max)
        self.start, self.rest = math.atan(math.exp(gamma_min / 2)), math.atan(math.exp(-gamma_max / 2))  # u_0 and v_1
        self.span = math.pi / 2 - self.rest - self.start

    def gamma(self, t: Tensor) -> Tensor:
        sine, cosine = self._sides(t)
        return 2 * (sine.log() - cosine.log())

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        sine, cosine = self._sides(t)
        return 2 * (sine.log() - cosine.log()), 2 * self.span / (sine * cosine)

    def _sides(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compute sin u and cos u."""
        return torch.sin(self.start + self.span * t), torch.sin(self.rest + self.span * (1 - t))
