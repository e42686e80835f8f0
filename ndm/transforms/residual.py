"""A network of x and t, gated: the paper's transformation."""

from typing import Any

import torch
from torch import Tensor

from ndm.curve import Curve
from ndm.nn.build import network_for
from ndm.nn.network import Network
from ndm.registry import choose
from ndm.transforms.gates import Gate, InterpolationGate, TimeGate, VarianceGate
from ndm.transforms.transform import Transform

GATES = {"time": TimeGate, "variance": VarianceGate, "interpolation": InterpolationGate}


class ResidualTransform(Transform):
    """F(x, t) = gate(x, N(x, t), t), x + t N(x, t) by default; its velocity is a forward-mode derivative in t.

    F is non-linear in x without a finite set of heads, so that the predictor has to plug x^ into it.
    Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.
    """

    def __init__(self, network: Network, gate: Gate | None = None) -> None:
        super().__init__()
        self.network = network
        self.gate = gate or TimeGate()

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], num_classes: int = 0, gate: str = "time",
                   **options: Any) -> "ResidualTransform":
        return cls(network_for(event_shape, num_classes=num_classes, **options), choose("gate", gate, GATES)())

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ResidualCurve(self, x, cond)


class ResidualCurve(Curve):
    """t -> gate(x, N(x, t), t)."""

    def __init__(self, transform: ResidualTransform, x: Tensor, cond: Tensor | None) -> None:
        self.transform, self.x, self.cond = transform, x, cond

    def __call__(self, t: Tensor) -> Tensor:
        times = t.expand(len(self.x))
        # A step of the bound is a difference F(x, s) - F(x, t) over a short time: mixed precision would drown it.
        with torch.autocast(self.x.device.type, enabled=False):
            update = self.transform.network(self.x, times, self.cond)[:, 0]
        return self.transform.gate(self.x, update, t)
