"""Densities of other libraries, and what a contender is: a model, how it is trained, and what it is asked for then."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.engine.contenders import network_options
from ndm.base.errors import InputError
from ndm.base.noise import example_noise
from ndm.base.registry import optional
from ndm.base.spec import Spec
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.batches import batches_of
from ndm.nn.network_for import network_for
from ndm.ode.divergences import Exact
from ndm.ode.likelihood import flow
from ndm.ode.solvers.adaptive import Adaptive
from ndm.ode.solvers.solver import State
from ndm.parts.decoders import Decoder
from ndm.recipes import recipe
from ndm.training.averages.running import ExponentialMovingAverage
from ndm.training.build import decoder_for
from ndm.training.rates import cosine, warm_up

try:
    import torchcfm
except ImportError:
    torchcfm = None

_SOLVER = Adaptive()
# Chosen on validation; points of other data have their own recipe.
_RECIPES = {"moons": "plane", "8gaussians": "plane", "pinwheel": "plane", "checkerboard": "plane_edges"}


def plane_recipe(data: DataSet) -> Config:
    """Our configuration for points, whose network is also that of flow matching."""
    return recipe(_RECIPES.get(data.name), data)


@dataclass(frozen=True)
class Fitted:
    """A density of data, in their own units."""

    network: nn.Module
    steps: int
    """Of training."""
    sampler: str
    """How samples are drawn."""
    log_prob: Callable[[Tensor], Tensor]
    """log p(x) in nats, (N,), of x (N, *event)."""
    sample: Callable[[tuple[int, ...], int], Tensor]
    """Samples of data, of a shape (N, *event), and a seed."""
    bound: Callable[[Tensor], Tensor] | None = None
    """-log p(x) <= this in the mean, (N,) nats, where training has a bound."""


class Contender(ABC):
    """A model and how it is trained."""

    def check(self) -> None:
        """Raise `InputError` where a package that it needs is absent."""
        return None

    @abstractmethod
    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        """All that decides the outcome of `fit`, as plain data."""

    @abstractmethod
    def fit(self, data: DataSet, seconds: float, seed: int, rate: float) -> Fitted:
        """Train on `data.train` for `seconds` of CPU time, at `rate` times the contender's own learning rate.

        Raises `FloatingPointError` where training diverges.
        """


@dataclass(frozen=True)
class Peer(Contender):
    """A network and its loss, trained as ours are: warm-up, a rate that falls to 0 over the budget, clipped gradients,
    and an exponential moving average of the weights, which is what is evaluated. All on standardised points (N, D).
    """

    sampler: ClassVar[str]
    """How samples are drawn."""

    learning_rate: float = 2e-3
    batch_size: int = 512
    warmup_steps: int = 100
    clip: float = 1.0
    ema_decay: float = 0.999

    @abstractmethod
    def network(self, data: DataSet) -> nn.Module:
        """A new network."""

    @abstractmethod
    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        """What is minimised, (), for a batch."""

    @abstractmethod
    def log_prob(self, network: nn.Module, x: Tensor) -> Tensor:
        """log p(x), (N,)."""

    @abstractmethod
    def sample(self, network: nn.Module, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Samples of this shape, (N, D)."""

    def fitted(self, network: nn.Module, decoder: Decoder, steps: int) -> Fitted:
        """The density of a trained network for data that `decoder` standardises, by the change of variables."""

        @torch.no_grad()
        def log_prob(x: Tensor) -> Tensor:
            return self.log_prob(network, decoder.standardise(x)) - decoder.log_scale(x)

        @torch.no_grad()
        def sample(shape: tuple[int, ...], seed: int) -> Tensor:
            return decoder.destandardise(self.sample(network, shape, torch.Generator().manual_seed(seed)))

        return Fitted(network, steps, self.sampler, log_prob, sample)

    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        return asdict(replace(self, learning_rate=self.learning_rate * rate)) | {"max_seconds": seconds, "seed": seed}

    def fit(self, data: DataSet, seconds: float, seed: int, rate: float) -> Fitted:
        torch.manual_seed(seed)
        np.random.seed(seed)  # minibatches of optimal transport are drawn from it
        decoder = decoder_for(data)
        network = self.network(data)
        ema = ExponentialMovingAverage(network, self.ema_decay)
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        batches = batches_of(data.train, self.batch_size, seed)
        began, step = time.process_time(), 0
        while (fraction := (time.process_time() - began) / seconds) < 1:
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * rate * warm_up(step, self.warmup_steps) * cosine(fraction)
            loss = self.loss(network, decoder.standardise(decoder.from_raw(batches[step].x)))
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), self.clip)
            if not torch.isfinite(loss) or not torch.isfinite(norm):
                raise FloatingPointError(f"the loss or its gradient is not finite at step {step}")
            optimizer.step()
            ema.update(network, step)
            step += 1
        return self.fitted(ema.model, decoder, step)


@dataclass(frozen=True)
class NeuralSplineFlow(Peer):
    """`zuko.flows.NSF`: autoregressive, monotone rational-quadratic splines, by maximum likelihood.

    Durkan et al. (2019), https://arxiv.org/abs/1906.04032.
    """

    sampler = "inverse of the flow"  # one pass for each dimension and transformation

    transforms: int = 3
    bins: int = 16
    hidden: tuple[int, ...] = (64, 64, 64)

    def check(self) -> None:
        optional("zuko", "peers")

    def network(self, data: DataSet) -> nn.Module:
        sizes = {"transforms": self.transforms, "bins": self.bins, "hidden_features": self.hidden}
        found: nn.Module = optional("zuko.flows", "peers").NSF(data.event_shape[0], **sizes)
        return found

    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        return -self.log_prob(network, x).mean()

    def log_prob(self, network: nn.Module, x: Tensor) -> Tensor:
        log_prob: Tensor = network().log_prob(x)
        return log_prob

    def sample(self, network: nn.Module, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        samples: Tensor = network().transform.inv(torch.randn(shape, generator=generator))
        return samples


@dataclass(frozen=True)
class FlowMatching(Peer):
    """v(x, t), fitted to the velocity of a conditional path. Tong et al. (2023), https://arxiv.org/abs/2302.00482.

    Noise is at t = 0 and data at t = 1. The network is that of our identity, so that what differs is the path and the
    loss: torchcfm's own, an MLP with SELU between its layers, had a larger excess over the truth on validation.
    """

    sampler = repr(_SOLVER)

    path: str = "Conditional"
    """Of torchcfm's matchers: the kind of path, and how noise is paired with data."""
    sigma: float = 0.0  # of the paths: wider ones blur the data

    def matcher(self) -> Any:
        """torchcfm's object for the path."""
        return getattr(torchcfm, f"{self.path}FlowMatcher")(self.sigma)

    def check(self) -> None:
        if torchcfm is None:
            advice = "pip install 'ndm[peers]' && pip install --no-deps torchcfm"
            raise InputError("no package torchcfm, or no POT, which it needs", "both, for flow matching", advice)

    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        return super().configuration(data, seconds, seed, rate) | {"network": network_options(plane_recipe(data))}

    def network(self, data: DataSet) -> nn.Module:
        return network_for(Spec(data.event_shape), **network_options(plane_recipe(data)))

    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        t, x_t, velocity = self.matcher().sample_location_and_conditional_flow(torch.randn_like(x), x)
        return (network(x_t, t)[:, 0] - velocity).square().mean()

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
