"""A curve t -> f(t) through events: the path that the mean of a process follows, one for each example of a batch."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.autodiff.derivative import with_velocity
from ndm.base.shapes import like_event
from ndm.process.mixture import Mixture


class Curve(ABC):
    """t -> f(t), t (B,) or (), f (B, *event), with a default derivative: override it where a closed form is known.

    `f - g` is the curve t -> f(t) - g(t); the bound is a function of such differences.

    Attributes:
        posterior: of a predicted curve, what is believed of x beyond its mean; None if nothing is.
    """

    posterior: "Posterior | None" = None

    @abstractmethod
    def __call__(self, t: Tensor) -> Tensor:
        """f(t), (B, *event)."""

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """f(t) and df/dt, each (B, *event); by default with one forward-mode derivative."""
        return with_velocity(self, t)

    def __sub__(self, other: "Curve") -> "Curve":
        return DifferenceCurve(self, other)


@dataclass(frozen=True)
class Posterior:
    """What a predictor says of x, dimension by dimension, and how the curve of x follows it.

    A change d of x_i moves F_i(., t) by d response_i(t): exact where F is linear and diagonal.
    """

    x: Mixture
    response: Curve


class DifferenceCurve(Curve):
    """t -> first(t) - second(t)."""

    def __init__(self, first: Curve, second: Curve) -> None:
        self.first, self.second = first, second

    def __call__(self, t: Tensor) -> Tensor:
        return self.first(t) - self.second(t)

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        (first, first_prime), (second, second_prime) = self.first.with_velocity(t), self.second.with_velocity(t)
        return first - second, first_prime - second_prime


class RememberedCurve(Curve):
    """A dear curve that is evaluated once at each t: the same tensor t gives the same tensors again, graph and all.

    A velocity comes with its value, so that whoever wants both asks for the velocity first.
    """

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self.values: dict[tuple[Tensor, bool], Tensor] = {}  # tensors are keys by identity
        self.velocities: dict[tuple[Tensor, bool], Tensor] = {}

    def __call__(self, t: Tensor) -> Tensor:
        key = t, torch.is_grad_enabled()
        if key not in self.values:
            self.values[key] = self.curve(t)
        return self.values[key]

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        key = t, torch.is_grad_enabled()
        if key not in self.velocities:
            self.values[key], self.velocities[key] = self.curve.with_velocity(t)
        return self.values[key], self.velocities[key]


class ConstantCurve(Curve):
    """t -> x."""

    def __init__(self, x: Tensor) -> None:
        self.x = x  # (B, *event)

    def __call__(self, t: Tensor) -> Tensor:
        return self.x

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.x, torch.zeros_like(self.x)

    def __sub__(self, other: Curve) -> Curve:
        return ConstantCurve(self.x - other.x) if isinstance(other, ConstantCurve) else super().__sub__(other)


class LineCurve(Curve):
    """u -> value + (u - t) slope."""

    def __init__(self, value: Tensor, slope: Tensor, t: Tensor) -> None:
        self.value, self.slope, self.t = value, slope, t

    def __call__(self, t: Tensor) -> Tensor:
        return self.value + like_event(t - self.t, self.value) * self.slope

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self(t), self.slope
