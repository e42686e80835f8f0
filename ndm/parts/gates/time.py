"""A gate that opens evenly in time."""

import torch
from torch import Tensor

from ndm.parts.gates.gate import ScalarGate


class TimeGate(ScalarGate):
    """A gate that opens evenly in time, F = x + t N."""

    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return t, torch.ones_like(t)
