"""The paper's gate, an interpolation between x and the network."""

import torch
from torch import Tensor, nn

from ndm.base.shapes import like_event
from ndm.parts.gates.gate import Gate


class InterpolationGate(Gate):
    """An interpolation F = (1 - t) x + t (m x + N) with a learned number m, 1 at the start: F(x, 1) may leave x out.

    Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337, which has
    F = (1 - t) x + t N; m x lets it start at the identity.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keep = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        t = like_event(t, x)
        return (1 - t) * x + t * (self.keep * x + update)

    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        return -x + (self.keep * x + update) + like_event(t, x) * update_prime
