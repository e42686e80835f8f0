"""What a transformation is: a family of curves t -> F(x, t) that start at x."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ndm.base.part import Part
from ndm.base.precision import check_tensors
from ndm.parts.schedules import NoiseLevel
from ndm.process.bases import Basis, StandardBasis
from ndm.process.curve import ConstantCurve, Curve


class Transform(Part, ABC):
    """F(x, t) with F(x, 0) = x, optionally given a condition: labels (B,) or real values (B, C).

    Why F(x, 0) = x: the decoder then sees z_0 = alpha_0 x + sigma_0 eps, so that no term of the bound can be bought
    by hiding x. Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.

    Attributes:
        num_heads: how many events beside x^ a network predicts for `curve_from_heads`; None where there is no
            such form and the predictor must plug x^ into F.
        prior_share: fraction of a training batch on which the prior is evaluated, below 1 where F(x, 1) is expensive.
        rate: factor on the learning rate of its parameters: a scale has further to go than a weight of a network.
    """

    num_heads: int | None = None
    prior_share = 1.0
    rate = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.basis: Basis = StandardBasis()

    @abstractmethod
    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        """The curve t -> F(x, t), for x (B, *event)."""

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor, t: Tensor) -> Curve:
        """The curve that a network predicts directly, from x^ (B, *event) and the heads (B, num_heads, *event).

        t (B,) is the time of the latents that the network saw.
        """
        raise TypeError(f"{type(self).__name__} has no direct form")

    def log_scale_with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """log w_i(t) and its derivative, (B, *event) or (B,): the scale that F has in its basis; 0 where it has none.

        It acts as a noise schedule for each coordinate, gamma_i = gamma - 2 log w_i.
        """
        return torch.zeros_like(t), torch.zeros_like(t)

    @property
    def has_scale(self) -> bool:
        """Whether F has a scale, that is, a `log_scale_with_velocity` other than 0."""
        return type(self).log_scale_with_velocity is not Transform.log_scale_with_velocity

    def with_shared_scale(self) -> "Transform":
        """This transformation, made for one estimate of the bound: its curves share what they compute of the scale."""
        return self

    def log_scale_at(self, t: Tensor) -> Tensor:
        """log w_i(t) alone."""
        return self.log_scale_with_velocity(t)[0]

    @property
    def knots(self) -> tuple[float, ...]:
        """Times inside (0, 1) at which the velocity of log w jumps; none by default."""
        return ()

    def seen(self, level: NoiseLevel, t: Tensor) -> NoiseLevel:
        """The noise level at which z_t shows each dimension of x, given the schedule's level at t (B,)."""
        return level

    def response(self, curve: Curve, like: Tensor) -> Curve:
        """t -> the change of F_i(x, t) for a unit change of x_i, beside a curve of `curve_from_heads`.

        For events shaped like `like` (B, *event).
        """
        return ConstantCurve(torch.ones_like(like))

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """F(x, t), (B, *event)."""
        check_tensors(x=x, t=t)
        return self.curve(x, cond)(t)
