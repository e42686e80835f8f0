"""Flow matching by torchcfm: a velocity field with noise at t = 0 and data at t = 1, and the density of its ODE."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.engine.contenders import network_options
from benchmarks.peers.peer import Peer, plane_recipe
from ndm.base.errors import InputError
from ndm.base.noise import example_noise
from ndm.base.spec import Spec
from ndm.data import DataSet
from ndm.nn.network_for import network_for
from ndm.ode.divergences import Exact
from ndm.ode.likelihood import flow
from ndm.ode.solvers.adaptive import Adaptive
from ndm.ode.solvers.solver import State

try:
    import torchcfm
except ImportError:
    torchcfm = None

_SOLVER = Adaptive()


@dataclass(frozen=True)
class FlowMatching(Peer):
    """v(x, t), fitted to the velocity of a conditional path. Tong et al. (2023), https://arxiv.org/abs/2302.00482.

    The network is that of our identity, so that what differs is the path and the loss: torchcfm's own, an MLP with SELU
    between its layers, had a larger excess over the truth on validation.
    """

    path: str = "Conditional"
    """Of torchcfm's matchers: the kind of path, and how noise is paired with data."""
    sigma: float = 0.0  # of the paths: wider ones blur the data

    def matcher(self) -> Any:
        """torchcfm's object for the path."""
        return getattr(torchcfm, f"{self.path}FlowMatcher")(self.sigma)

    def check(self) -> None:
        if torchcfm is None:
            raise InputError(
                "no package torchcfm, or no POT, which it needs",
                "both, for flow matching",
                "pip install 'ndm[peers]' && pip install --no-deps torchcfm",
            )

    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        return super().configuration(data, seconds, seed, rate) | {"network": network_options(plane_recipe(data))}

    def network(self, data: DataSet) -> nn.Module:
        return network_for(Spec(data.event_shape), **network_options(plane_recipe(data)))

    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        t, x_t, velocity = self.matcher().sample_location_and_conditional_flow(torch.randn_like(x), x)
        return (network(x_t, t)[:, 0] - velocity).square().mean()

    @property
    def sampler(self) -> str:
        return repr(_SOLVER)

    def log_prob(self, network: nn.Module, x: Tensor) -> Tensor:
        """log N(x_0; 0, I) + integral_1^0 div v dt along dx/dt = v(x, t) from x_1 = x, with the exact trace."""

        def velocity(x: Tensor, t: Tensor, rows: Tensor) -> Tensor:
            v: Tensor = network(x, t)[:, 0]
            return v

        exact = Exact()
        x_0, divergence, _ = flow(velocity, x, exact.probes(example_noise(0, x), x), exact, _SOLVER, 1.0, 0.0)
        return -0.5 * (x_0.square() + math.log(2 * math.pi)).sum(1) + divergence[:, 0]

    def sample(self, network: nn.Module, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        def field(t: Tensor, state: State, rows: Tensor) -> State:
            return (network(state[0], t)[:, 0],)

        return _SOLVER(field, (torch.randn(shape, generator=generator),), 0.0, 1.0).state[0]
