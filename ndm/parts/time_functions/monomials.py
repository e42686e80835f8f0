"""Powers of t."""

import torch
from torch import Tensor

from ndm.parts.time_functions.time_functions import TimeFunctions


class Monomials(TimeFunctions):
    """Powers of t, b_k(t) = t^k, k = 1..K."""

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        k = torch.arange(1, self.num + 1, dtype=t.dtype, device=t.device)
        t = t[..., None]
        return t**k, k * t ** (k - 1)
