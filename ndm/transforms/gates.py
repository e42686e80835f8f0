"""How a network enters the path of x: gates that are shut at t = 0."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ndm.part import Part
from ndm.shapes import like_event


class Gate(Part, ABC):
    """(x, N(x, t), t) -> F(x, t), with F(x, 0) = x, and F = x as long as N = 0."""

    @abstractmethod
    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        """F(x, t), (B, *event)."""

    @abstractmethod
    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        """dF/dt, (B, *event), where N(x, t) has the velocity `update_prime`."""


class TimeGate(Gate):
    """F = x + t N."""

    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        return x + like_event(t, x) * update

    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        return update + like_event(t, x) * update_prime


class VarianceGate(Gate):
    """F = x + sin^2(pi t / 2) N: the gate is the variance sigma_t^2 of the cosine schedule.

    Source of the form x + sigma_t^2 N: Nielsen et al., DiffEnc (2023), https://arxiv.org/abs/2310.19789.
    """

    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        return x + like_event(torch.sin(math.pi / 2 * t) ** 2, x) * update

    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        gate, gate_prime = torch.sin(math.pi / 2 * t) ** 2, math.pi / 2 * torch.sin(math.pi * t)
        return like_event(gate_prime, x) * update + like_event(gate, x) * update_prime


class InterpolationGate(Gate):
    """F = (1 - t) x + t (m x + N) with a learned number m, 1 at the start: F(x, 1) need not hold any of x.

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
