"""A curve t -> f(t) through events: the path that the mean of a process follows, one for each example of a batch."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.autodiff.derivative import with_velocity
from ndm.base.shapes import like_event
from ndm.parts.time_functions import TimeFunctions
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
    """What a predictor needs_posterior of x, dimension by dimension, and how the curve of x follows it.

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


class BasisCurve(Curve):
    """t -> x + sum_k b_k(t) h_k, with velocity sum_k b'_k(t) h_k."""

    def __init__(self, x: Tensor, h: Tensor, functions: TimeFunctions) -> None:
        self.x = x  # (B, *event)
        self.h = h  # (B, K, *event)
        self.functions = functions

    def _combine(self, weights: Tensor) -> Tensor:
        """sum_k weights_k h_k, weights (B, K) or (K,); elementwise, so that mixed precision leaves it alone."""
        weights = weights.expand(self.h.shape[0], -1)
        return (like_event(weights, self.h) * self.h).sum(1)

    def __call__(self, t: Tensor) -> Tensor:
        return self.x + self._combine(self.functions(t)[0])

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        b, b_prime = self.functions(t)
        return self.x + self._combine(b), self._combine(b_prime)

    def __sub__(self, other: Curve) -> Curve:
        if isinstance(other, BasisCurve) and other.functions is self.functions:
            return BasisCurve(self.x - other.x, self.h - other.h, self.functions)
        return super().__sub__(other)
