"""Integrated bumps: local smooth steps, one after the other."""

import math

import torch
from torch import Tensor

from ndm.parts.time_functions.time_functions import TimeFunctions


class IntegratedBumps(TimeFunctions):
    """Integrated bumps: b_k(t) is the integral from 0 to t of a bump around the k-th of K points of [0, 1].

    F moves in K local steps.

    The bump is the raised cosine K (1 + cos(pi K (t - c_k))) / 2 for |t - c_k| < 1/K, c_k = (k - 1/2) / K. Bumps
    overlap by half, so that they sum to a constant away from the ends, and b_k and b'_k are smooth.
    """

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        centres = (torch.arange(self.num, dtype=t.dtype, device=t.device) + 0.5) / self.num
        u = (self.num * (t[..., None] - centres)).clamp(-1, 1)
        before = (self.num * -centres).clamp(-1, 1)
        bump = self.num * (1 + torch.cos(math.pi * u)) / 2
        return self._integral(u) - self._integral(before), bump

    @staticmethod
    def _integral(u: Tensor) -> Tensor:
        return (u + torch.sin(math.pi * u) / math.pi) / 2
