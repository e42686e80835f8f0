"""A series of learned directions times functions of time: one pass of a network serves every t."""

from typing import Any

from torch import Tensor

from ndm.base.axes import LAYERS, TIME_FUNCTIONS
from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.spec import Spec
from ndm.parts.time_functions import BasisCurve, TimeFunctions
from ndm.parts.transforms.transform import Transform
from ndm.process.curve import Curve


class SeriesTransform(Transform):
    """A series F(x, t) = x + sum_k b_k(t) h_k(x), with velocity sum_k b'_k(t) h_k(x), b_k(0) = 0.

    h runs once for each x, for all times of its curve. A predictor may predict x^ and the h^_k directly, so that the
    mean of p(z_s | z_t) can be E[F(x, .) | z_t] and h is never evaluated when sampling.

    Args:
        h: a network (x, cond) -> (B, K, *event), zero at the start.
        functions: the K functions b_k.
    """

    def __init__(self, h: Part, functions: TimeFunctions) -> None:
        super().__init__()
        self.h = h
        self.functions = functions
        self.num_heads = functions.num

    passes_on_to = LAYERS

    @classmethod
    def made_for(
        cls,
        spec: Spec,
        *,
        functions: str = "bumps",
        num_functions: int = 3,
        layer: str = "hidden",
        **options: Any,
    ) -> "SeriesTransform":
        """Make the transform with its layer; `options` are those of the layer, e.g. width, activation."""
        chosen = TIME_FUNCTIONS.make(functions, spec, num=num_functions)
        return cls(LAYERS.make(layer, spec, options, num_outputs=num_functions), chosen)

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        h = self.h(x, cond).to(x.dtype)
        if h.shape[1] != self.functions.num:
            raise InputError(f"h of {h.shape[1]} outputs", f"{self.functions.num}, one for each function of time")
        return BasisCurve(x, h, self.functions)

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor, t: Tensor) -> Curve:
        return BasisCurve(x_hat, heads, self.functions)
