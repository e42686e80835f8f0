"""A curve t -> f(t) through events: the path that the mean of a process follows, one for each example of a batch."""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.autodiff.derivative import with_velocity
from ndm.base.shapes import like_event
from ndm.process.mixture import Mixture


class Curve(ABC):
    """t -> f(t), t (B,) or (), f (B, *event), with a default derivative: override it where a closed form is known.

    Curves are vectors: f + g, f - g and a f are the curves t -> f(t) + g(t), f(t) - g(t) and a f(t), for a number a, a
    tensor () or (B,), or one that broadcasts against (B, *event). The bound is a function of such differences.

    Attributes:
        posterior: of a predicted curve, what is known of x beyond its mean; None where nothing is. It belongs to one
            prediction: f + g, f - g and a f have none.
    """

    posterior: "Posterior | None" = None

    @abstractmethod
    def __call__(self, t: Tensor) -> Tensor:
        """f(t), (B, *event)."""

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """f(t) and df/dt, each (B, *event); by default with one forward-mode derivative."""
        return with_velocity(self, t)

    def __add__(self, other: "Curve") -> "Curve":
        return self.combined(operator.add, other)

    def __sub__(self, other: "Curve") -> "Curve":
        return self.combined(operator.sub, other)

    def __mul__(self, factor: float | Tensor) -> "Curve":
        return ProductCurve(self, factor)

    def __rmul__(self, factor: float | Tensor) -> "Curve":
        return self * factor

    def combined(self, operation: "Operation", other: "Curve") -> "Curve":
        """self + other or self - other: override it where two curves of this kind give one of their kind."""
        return CombinedCurve(operation, self, other)


Operation = Callable[[Tensor, Tensor], Tensor]  # operator.add or operator.sub: linear in both, in values and velocities


@dataclass(frozen=True)
class Posterior:
    """The model's p(x | z_t), independent across dimensions, and how the curve of x responds to a change of x.

    A change d of x_i moves F_i(., t) by d response_i(t): exact where F is linear and diagonal.
    """

    x: Mixture
    response: Curve


class CombinedCurve(Curve):
    """t -> first(t) + second(t), or first(t) - second(t)."""

    def __init__(self, operation: Operation, first: Curve, second: Curve) -> None:
        self.operation, self.first, self.second = operation, first, second

    def __call__(self, t: Tensor) -> Tensor:
        return self.operation(self.first(t), self.second(t))

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        (first, first_prime), (second, second_prime) = self.first.with_velocity(t), self.second.with_velocity(t)
        return self.operation(first, second), self.operation(first_prime, second_prime)


class ProductCurve(Curve):
    """t -> factor f(t)."""

    def __init__(self, curve: Curve, factor: float | Tensor) -> None:
        self.curve, self.factor = curve, factor

    def __call__(self, t: Tensor) -> Tensor:
        return times(self.factor, self.curve(t))

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        value, prime = self.curve.with_velocity(t)
        return times(self.factor, value), times(self.factor, prime)

    def __mul__(self, factor: float | Tensor) -> Curve:
        is_number = isinstance(self.factor, int | float) and isinstance(factor, int | float)
        return ProductCurve(self.curve, self.factor * factor) if is_number else super().__mul__(factor)


def times(factor: float | Tensor, x: Tensor) -> Tensor:
    """factor x for x (B, *event): a number, one for each example, (B,), or what broadcasts."""
    return (like_event(factor, x) if isinstance(factor, Tensor) else factor) * x


class RememberedCurve(Curve):
    """Caches an expensive curve: the same tensor object t returns the cached value with its graph.

    A velocity is cached with its value: ask for the velocity first where both are needed.
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
    """A curve that does not depend on time, t -> x."""

    def __init__(self, x: Tensor) -> None:
        self.x = x  # (B, *event)

    def __call__(self, t: Tensor) -> Tensor:
        return self.x

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.x, torch.zeros_like(self.x)

    def __mul__(self, factor: float | Tensor) -> Curve:
        return ConstantCurve(times(factor, self.x))

    def combined(self, operation: Operation, other: Curve) -> Curve:
        if isinstance(other, ConstantCurve):
            return ConstantCurve(operation(self.x, other.x))
        return super().combined(operation, other)


class LineCurve(Curve):
    """A straight line at constant speed, u -> value + (u - t) slope."""

    def __init__(self, value: Tensor, slope: Tensor, t: Tensor) -> None:
        self.value, self.slope, self.t = value, slope, t

    def __call__(self, t: Tensor) -> Tensor:
        return self.value + like_event(t - self.t, self.value) * self.slope

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self(t), self.slope

    def __mul__(self, factor: float | Tensor) -> Curve:
        return LineCurve(times(factor, self.value), times(factor, self.slope), self.t)

    def combined(self, operation: Operation, other: Curve) -> Curve:
        if isinstance(other, LineCurve):
            value = other.value if other.t is self.t else other(self.t)
            return LineCurve(operation(self.value, value), operation(self.slope, other.slope), self.t)
        return super().combined(operation, other)
