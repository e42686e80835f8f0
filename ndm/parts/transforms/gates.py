"""How a network enters the path of x: gates that are shut at t = 0."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ndm.base.part import Part
from ndm.base.shapes import like_event
from ndm.parts.schedules.linear import LinearSchedule


class Gate(Part, ABC):
    """(x, N(x, t), t) -> F(x, t), with F(x, 0) = x, and F = x as long as N = 0."""

    @abstractmethod
    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        """F(x, t), (B, *event)."""

    @abstractmethod
    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        """dF/dt, (B, *event), where N(x, t) has the velocity `update_prime`."""


class ScalarGate(Gate):
    """F = x + s(t) N."""

    @abstractmethod
    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """s(t), 0 at t = 0, and s'(t), each shaped like t."""

    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        return x + like_event(self.opening(t)[0], x) * update

    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        opening, opening_prime = self.opening(t)
        return like_event(opening_prime, x) * update + like_event(opening, x) * update_prime


class TimeGate(ScalarGate):
    """F = x + t N."""

    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return t, torch.ones_like(t)


class VarianceGate(ScalarGate):
    """F = x + sin^2(pi t / 2) N: the gate is the variance sigma_t^2 of the cosine schedule."""

    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.sin(math.pi / 2 * t) ** 2, math.pi / 2 * torch.sin(math.pi * t)


class EncoderGate(ScalarGate):
    """F = x + s N = (1 - s) x + s y with y = x + N, s = (sigma_t^2 - sigma_0^2) / (1 - sigma_0^2): DiffEnc's encoder.

    sigma_t^2 = sigmoid(gamma(t)), gamma linear in t like the model's schedule. The paper has s = sigma_t^2, so that
    F(x, 0) = x only up to sigma_0^2. The encoders are the same: F = alpha_t^2 x + sigma_t^2 y' with
    y' = x + (s / sigma_t^2) N.
    Source: Nielsen et al., DiffEnc (2023), https://arxiv.org/abs/2310.19789.
    """

    def __init__(self, gamma_min: float = -13.3, gamma_max: float = 5.0) -> None:
        super().__init__()
        self.schedule = LinearSchedule(gamma_min, gamma_max)

    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        level, at_zero = self.schedule(t), self.schedule(torch.zeros_like(t))
        signal = at_zero.alpha**2  # 1 - sigma_0^2
        variance_prime = level.alpha**2 * level.sigma**2 * level.gamma_prime
        return (level.sigma**2 - at_zero.sigma**2) / signal, variance_prime / signal


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
