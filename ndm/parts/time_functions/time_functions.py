"""The interface of functions of time, K functions b_k(t) with b_k(0) = 0, and curves made of them."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part
from ndm.base.ranges import check_count
from ndm.base.shapes import like_event
from ndm.process.curve import Curve, Operation, times

_MOST = 10_000


class TimeFunctions(Part, ABC):
    """K functions b_k(t) with b_k(0) = 0."""

    def __init__(self, num: int) -> None:
        super().__init__()
        check_count("num", num, 1, _MOST)
        self.num = num

    @abstractmethod
    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compute b_k(t) and b'_k(t), each shaped like t with one more axis K."""

    def value(self, t: Tensor) -> Tensor:
        """Compute b_k(t) alone."""
        return self(t)[0]

    @property
    def knots(self) -> tuple[float, ...]:
        """Times inside (0, 1) at which a velocity jumps; none by default."""
        return ()


class BasisCurve(Curve):
    """A curve t -> x + sum_k b_k(t) h_k, with velocity sum_k b'_k(t) h_k."""

    def __init__(self, x: Tensor, h: Tensor, functions: TimeFunctions) -> None:
        self.x = x  # (B, *event)
        self.h = h  # (B, K, *event)
        self.functions = functions

    def _combine(self, weights: Tensor) -> Tensor:
        """Compute sum_k weights_k h_k, weights (B, K) or (K,); elementwise, so that autocast does not round it."""
        weights = weights.expand(self.h.shape[0], -1)
        return (like_event(weights, self.h) * self.h).sum(1)

    def __call__(self, t: Tensor) -> Tensor:
        return self.x + self._combine(self.functions(t)[0])

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        b, b_prime = self.functions(t)
        return self.x + self._combine(b), self._combine(b_prime)

    def __mul__(self, factor: float | Tensor) -> Curve:
        if isinstance(factor, Tensor) and factor.ndim > 1:  # (B, *event) does not broadcast against (B, K, *event)
            return super().__mul__(factor)
        return BasisCurve(times(factor, self.x), times(factor, self.h), self.functions)

    def combined(self, operation: Operation, other: Curve) -> Curve:
        if isinstance(other, BasisCurve) and other.functions is self.functions:
            return BasisCurve(operation(self.x, other.x), operation(self.h, other.h), self.functions)
        return super().combined(operation, other)
