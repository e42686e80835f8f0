"""A gate that opens like the variance of the noise."""

import math

import torch
from torch import Tensor

from ndm.parts.gates.gate import ScalarGate


class VarianceGate(ScalarGate):
    """A gate F = x + sin^2(pi t / 2) N, that opens like the variance sigma_t^2 of the cosine schedule."""

    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.sin(math.pi / 2 * t) ** 2, math.pi / 2 * torch.sin(math.pi * t)
