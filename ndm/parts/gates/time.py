"""A gate that opens evenly."""

import torch
from torch import Tensor

from ndm.parts.gates.gate import ScalarGate


class TimeGate(ScalarGate):
    """F = x + t N."""

    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return t, torch.ones_like(t)
