"""The interface of a gate: how a network enters the path of x, shut at t = 0."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part
from ndm.base.shapes import like_event


class Gate(Part, ABC):
    """A gate (x, N(x, t), t) -> F(x, t), with F(x, 0) = x, and F = x as long as N = 0."""

    @abstractmethod
    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        """Compute F(x, t), (B, *event)."""

    @abstractmethod
    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        """Compute dF/dt, (B, *event), where N(x, t) has the velocity `update_prime`."""


class ScalarGate(Gate):
    """A gate F = x + s(t) N with an opening s(t)."""

    @abstractmethod
    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compute s(t), 0 at t = 0, and s'(t), each shaped like t."""

    def forward(self, x: Tensor, update: Tensor, t: Tensor) -> Tensor:
        return x + like_event(self.opening(t)[0], x) * update

    def velocity(self, x: Tensor, update: Tensor, update_prime: Tensor, t: Tensor) -> Tensor:
        opening, opening_prime = self.opening(t)
        return like_event(opening_prime, x) * update + like_event(opening, x) * update_prime
