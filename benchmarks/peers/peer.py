"""What contends for a density, and what peers share: standardised data, Adam with a decaying rate, averaged weights."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ndm.config import Config
from ndm.data import DataSet
from ndm.data.batches import batches_of
from ndm.parts.decoders import Decoder
from ndm.recipes import recipe
from ndm.training.averages.running import ExponentialMovingAverage
from ndm.training.build import decoder_for
from ndm.training.optimizer import cosine, warm_up

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
    and an exponential moving average of the weights, which is what is evaluated.
    """

    learning_rate: float = 2e-3
    batch_size: int = 512
    warmup_steps: int = 100
    clip: float = 1.0
    ema_decay: float = 0.999

    @abstractmethod
    def network(self, data: DataSet) -> nn.Module:
        """A new network for data of points (N, D)."""

    @abstractmethod
    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        """What is minimised, (), for a batch of standardised points (N, D)."""

    @property
    @abstractmethod
    def sampler(self) -> str:
        """How samples are drawn."""

    @abstractmethod
    def log_prob(self, network: nn.Module, x: Tensor) -> Tensor:
        """log p(x), (N,), of standardised points (N, D)."""

    @abstractmethod
    def sample(self, network: nn.Module, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Standardised samples, (N, D)."""

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
