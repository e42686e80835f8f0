"""What a transformation is: a family of curves t -> F(x, t) that start at x."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from ndm.basis import Basis, StandardBasis
from ndm.curve import Curve
from ndm.part import Part


class Transform(Part, ABC):
    """F(x, t) with F(x, 0) = x, optionally given a condition (a class label).

    Why F(x, 0) = x: the decoder then sees z_0 = alpha_0 x + sigma_0 eps, so that no term of the bound can be bought
    by hiding x. Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.

    Attributes:
        num_heads: how many events beside x^ a network predicts for `curve_from_heads`; None where there is no
            such form and the predictor must plug x^ into F.
    """

    num_heads: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.basis: Basis = StandardBasis()

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], *args: Any, **kwargs: Any) -> "Transform":
        """The transformation for events of this shape, and `num_classes` labels; a subclass names its options."""
        return cls(**kwargs)

    @abstractmethod
    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        """The curve t -> F(x, t), for x (B, *event)."""

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor) -> Curve:
        """The curve that a network predicts directly, from x^ (B, *event) and the heads (B, num_heads, *event)."""
        raise TypeError(f"{type(self).__name__} has no direct form")

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """F(x, t), (B, *event)."""
        return self.curve(x, cond)(t)
