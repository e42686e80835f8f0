"""The identity, F(x, t) = x: the usual diffusion models."""

from torch import Tensor

from ndm.parts.transforms.transform import Transform
from ndm.process.curve import ConstantCurve, Curve


class IdentityTransform(Transform):
    """The identity, F(x, t) = x: DDPM, DDIM, VDM or flow matching, by the schedule and the volatility."""

    num_heads = 0

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ConstantCurve(x)

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor, t: Tensor) -> Curve:
        return ConstantCurve(x_hat)
