"""Transformations that scale each coordinate of a basis by a function of time."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ndm.base.shapes import like_event
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms.transform import Transform
from ndm.process.bases import StandardBasis
from ndm.process.curve import Curve, Operation, RememberedCurve, times


class DiagonalTransform(Transform, ABC):
    """F(x, t) = B^T diag(w(t)) B x, w_i(0) = 1, with velocity B^T diag(w'(t)) B x, w' = w (log w)'.

    Each coordinate has its noise schedule, gamma_i = gamma - 2 log w_i. Being linear, F(x^, .) is already the
    best curve for x^ = E[x | z_t]: no heads are needed. A subclass gives log w and B.
    """

    num_heads = 0

    @abstractmethod
    def log_scale_with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """log w_i(t) and its derivative, each (*t.shape, *event)."""

    def seen(self, level: NoiseLevel, t: Tensor) -> NoiseLevel:
        if not isinstance(self.basis, StandardBasis):
            return level
        log_w, log_w_prime = self.log_scale_with_velocity(t)
        gamma, gamma_prime, alpha, sigma = (
            like_event(value, log_w) for value in (level.gamma, level.gamma_prime, level.alpha, level.sigma)
        )
        return NoiseLevel(gamma - 2 * log_w, gamma_prime - 2 * log_w_prime, alpha * log_w.exp(), sigma.expand_as(log_w))

    def response(self, curve: Curve, like: Tensor) -> Curve:
        if not isinstance(self.basis, StandardBasis):
            return super().response(curve, like)
        assert isinstance(curve, ScaledCurve)
        return ScaledCurve(self, torch.ones_like(like), curve.scale)

    def with_shared_scale(self) -> "DiagonalTransform":
        self.__dict__["_scale"] = RememberedCurve(Scale(self))
        return self

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ScaledCurve(self, x)

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor, t: Tensor) -> Curve:
        return self.curve(x_hat)


class Scale(Curve):
    """t -> w(t), in the coordinates of B."""

    def __init__(self, transform: DiagonalTransform) -> None:
        self.transform = transform

    def __call__(self, t: Tensor) -> Tensor:
        return self.transform.log_scale_at(t).exp()

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        log_w, log_w_prime = self.transform.log_scale_with_velocity(t)
        w = log_w.exp()
        return w, w * log_w_prime


class ScaledCurve(Curve):
    """t -> B^T diag(w(t)) B x, with a scale that curves may share."""

    def __init__(self, transform: DiagonalTransform, x: Tensor, scale: Curve | None = None) -> None:
        self.transform, self.x = transform, x
        self.scale = scale or transform.__dict__.get("_scale") or RememberedCurve(Scale(transform))

    def __call__(self, t: Tensor) -> Tensor:
        return self.transform.basis.scale(self.scale(t), self.x)

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        basis, coordinates = self.transform.basis, self.transform.basis(self.x)
        w, w_prime = self.scale.with_velocity(t)
        return basis.inverse(w * coordinates), basis.inverse(w_prime * coordinates)

    def __mul__(self, factor: float | Tensor) -> Curve:
        if isinstance(factor, Tensor) and factor.ndim > 1:  # which need not be diagonal in B
            return super().__mul__(factor)
        return ScaledCurve(self.transform, times(factor, self.x), self.scale)

    def combined(self, operation: Operation, other: Curve) -> Curve:
        if isinstance(other, ScaledCurve) and other.transform is self.transform:
            return ScaledCurve(self.transform, operation(self.x, other.x), self.scale)
        return super().combined(operation, other)
