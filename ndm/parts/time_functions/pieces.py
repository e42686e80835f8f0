"""Hat functions: piecewise linear in t."""

import torch
from torch import Tensor

from ndm.parts.time_functions.time_functions import TimeFunctions


class Pieces(TimeFunctions):
    """Hat functions, b_k(t) = max(0, 1 - |K t - k|), k = 1..K.

    sum_k c_k b_k(t) is c_k at t = k / K, and linear between. For a chain of T = K steps that is a free value for each
    step.
    """

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        # On a knot the slope is that of the piece on the left, at t = 0 of the first.
        k, piece = self._knots(t), (self.num * t[..., None]).ceil().clamp(min=1)
        return self.value(t), self.num * ((k == piece).to(t) - (k == piece - 1).to(t))

    def value(self, t: Tensor) -> Tensor:
        return (1 - (self.num * t[..., None] - self._knots(t)).abs()).clamp(min=0)

    @property
    def knots(self) -> tuple[float, ...]:
        return tuple(k / self.num for k in range(1, self.num))

    def _knots(self, t: Tensor) -> Tensor:
        return torch.arange(1, self.num + 1, dtype=t.dtype, device=t.device)
