"""A learned scale for each dimension, in the pixels or in the frequencies of an image."""

import torch
from torch import Tensor, nn

from ndm.basis import Basis, CosineBasis, StandardBasis
from ndm.curve import Curve
from ndm.errors import InputError
from ndm.time_functions import Monomials, TimeFunctions
from ndm.transforms.transform import Transform


class ScalingTransform(Transform):
    """F(x, t) = B^T diag(w(t)) B x with log w_i(t) = sum_k theta_{ik} b_k(t), so that w_i(0) = 1.

    Its velocity is B^T diag(w'(t)) B x, w' = w (log w)'. With B = I it learns a schedule for each pixel; with B = DCT
    a schedule for each frequency, of which blurring diffusion is the case log w = - frequency * tau(t).
    Being linear, F(x^, .) is already the best curve for x^ = E[x | z_t]: no heads are needed.
    Source: Hoogeboom, Salimans, Blurring Diffusion Models (2022), https://arxiv.org/abs/2209.05557.
    """

    num_heads = 0

    def __init__(self, event_shape: tuple[int, ...], basis: Basis | None = None,
                 functions: TimeFunctions | None = None) -> None:
        super().__init__()
        self.basis = basis or StandardBasis()
        self.functions = functions or Monomials(2)
        self.log_scale = nn.Parameter(torch.zeros(self.functions.num, *event_shape))

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], num_classes: int = 0, basis: str = "pixel",
                   num_functions: int = 2) -> "ScalingTransform":
        if basis not in ("pixel", "frequency"):
            raise InputError(f"basis {basis!r}", "pixel or frequency")
        if basis == "frequency" and len(event_shape) < 2:
            raise InputError(f"frequencies of events of shape {tuple(event_shape)}", "images", "use the pixel basis")
        chosen = CosineBasis(*event_shape[-2:]) if basis == "frequency" else StandardBasis()
        return cls(event_shape, chosen, Monomials(num_functions))

    def log_scale_with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """log w_i(t) and its derivative, each (B, *event), for t (B,)."""
        flat = self.log_scale.flatten(1)
        return tuple((b[..., None] * flat).sum(-2).reshape(*b.shape[:-1], *self.log_scale.shape[1:])
                     for b in self.functions(t))

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ScaledCurve(self, x)

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor) -> Curve:
        return self.curve(x_hat)


class ScaledCurve(Curve):
    """t -> B^T diag(w(t)) B x."""

    def __init__(self, transform: ScalingTransform, x: Tensor) -> None:
        self.transform, self.x = transform, x

    def __call__(self, t: Tensor) -> Tensor:
        log_w, _ = self.transform.log_scale_with_velocity(t)
        return self.transform.basis.scale(log_w.exp(), self.x)

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        log_w, log_w_prime = self.transform.log_scale_with_velocity(t)
        w, coordinates = log_w.exp(), self.transform.basis(self.x)
        return (self.transform.basis.inverse(w * coordinates),
                self.transform.basis.inverse(w * log_w_prime * coordinates))

    def __sub__(self, other: Curve) -> Curve:
        if isinstance(other, ScaledCurve) and other.transform is self.transform:
            return ScaledCurve(self.transform, self.x - other.x)
        return super().__sub__(other)
