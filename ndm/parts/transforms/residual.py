"""The paper's transform: a gated network of x and t."""

from typing import Any

import torch
from torch import Tensor

from ndm.autodiff.derivative import with_velocity
from ndm.base.axes import GATES, NETWORKS
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.nn.network import Network
from ndm.nn.network_for import network_for
from ndm.parts.gates import Gate, TimeGate
from ndm.parts.transforms.transform import Transform
from ndm.process.curve import Curve, LineCurve, RememberedCurve


class ResidualTransform(Transform):
    """A gated network, F(x, t) = gate(x, N(x, t), t), x + t N(x, t) by default, with its velocity by forward mode.

    A predictor may plug x^ into F, as the paper does, or predict N and its velocity at the t of its latent directly
    (`ExpandedCurve`); F is then differentiated on data only, and never evaluated when sampling. The prior term is small
    and needs N at t = 1, one more pass: training evaluates it on a quarter of the batch.
    Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.
    """

    num_heads = 2
    prior_share = 0.25

    def __init__(self, network: Network, gate: Gate | None = None) -> None:
        super().__init__()
        if network.num_outputs != 1:
            raise InputError(f"a network of {network.num_outputs} outputs for F", "1: F(x, t) is one event")
        self.network = network
        self.gate = gate or TimeGate()

    passes_on_to = NETWORKS

    @classmethod
    def made_for(
        cls,
        spec: Spec,
        *,
        gate: str = "time",
        gate_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> "ResidualTransform":
        """Make the transform with its network; `options` are those of the network."""
        return cls(network_for(spec, **options), GATES.make(gate, spec, gate_options))

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return RememberedCurve(ResidualCurve(self, x, cond))

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor, t: Tensor) -> Curve:
        update, velocity = heads.unbind(1)
        return ExpandedCurve(self.gate, x_hat, update, velocity, t)


class ResidualCurve(Curve):
    """The curve t -> gate(x, N(x, t), t)."""

    def __init__(self, transform: ResidualTransform, x: Tensor, cond: Tensor | None) -> None:
        self.transform, self.x, self.cond = transform, x, cond

    def __call__(self, t: Tensor) -> Tensor:
        return self.transform.gate(self.x, self._update(t), t)

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        update, update_prime = with_velocity(self._update, t)
        gate = self.transform.gate
        return gate(self.x, update, t), gate.velocity(self.x, update, update_prime, t)

    def _update(self, t: Tensor) -> Tensor:
        """Compute N(x, t), (B, *event)."""
        # A step of the bound is a difference F(x, s) - F(x, t) over a short time: mixed precision would drown it.
        with torch.autocast(self.x.device.type, enabled=False):
            return self.transform.network(self.x, t.expand(self.x.shape[:1]), self.cond)[:, 0]


class ExpandedCurve(Curve):
    """The curve u -> gate(x^, N^ + (u - t) N^', u), with N(x, .) expanded to first order around the t of the latent.

    The bound loses nothing by it: continuous time uses the value and the velocity at t, a step of a chain f^(s) and
    f^(t); either pair is free, and f^(0) = x^ as F(x, 0) = x. Elsewhere the expansion errs by O((u - t)^2). Gates are
    linear in (x, N), so that the best heads are E[x], E[N] and E[N'] given z_t.
    """

    def __init__(self, gate: Gate, x_hat: Tensor, update: Tensor, velocity: Tensor, t: Tensor) -> None:
        self.gate, self.x_hat, self.update = gate, x_hat, LineCurve(update, velocity, t)

    def __call__(self, t: Tensor) -> Tensor:
        return self.gate(self.x_hat, self.update(t), t)

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        update, velocity = self.update.with_velocity(t)
        return self.gate(self.x_hat, update, t), self.gate.velocity(self.x_hat, update, velocity, t)
