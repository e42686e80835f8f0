"""What peers share: standardised data, Adam with a decaying rate within a budget of CPU time, averaged weights."""

import time
from abc import abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ndm.benchmarks.densities.contender import Contender, Fitted
from ndm.data import DataSet
from ndm.parts.decoders import Decoder
from ndm.training.averages.running import ExponentialMovingAverage
from ndm.training.build import decoder_for
from ndm.training.optimizer import cosine, warm_up


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

    @abstractmethod
    def fitted(self, network: nn.Module, decoder: Decoder, steps: int) -> "FittedPeer":
        """The density of the trained network; `decoder` is there for the standardisation alone."""

    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        return asdict(replace(self, learning_rate=self.learning_rate * rate)) | {"max_seconds": seconds, "seed": seed}

    def fit(self, data: DataSet, seconds: float, seed: int, rate: float) -> Fitted:
        torch.manual_seed(seed)
        np.random.seed(seed)  # minibatches of optimal transport are drawn from it
        decoder = decoder_for(data)
        network = self.network(data)
        ema = ExponentialMovingAverage(network, self.ema_decay)
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        batches = data.train.batches(self.batch_size, seed)
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


class FittedPeer(Fitted):
    """A density of standardised data, and by the change of variables that of the data."""

    def __init__(self, network: nn.Module, decoder: Decoder, steps: int) -> None:
        self.network, self.decoder, self.steps = network, decoder, steps

    @abstractmethod
    def standard_log_prob(self, x: Tensor) -> Tensor:
        """log p(x), (N,), of standardised points (N, D)."""

    @abstractmethod
    def standard_sample(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Standardised samples, (N, D)."""

    @torch.no_grad()
    def log_prob(self, x: Tensor) -> Tensor:
        return self.standard_log_prob(self.decoder.standardise(x)) - self.decoder.log_scale(x)

    @torch.no_grad()
    def sample(self, shape: tuple[int, ...], seed: int) -> Tensor:
        return self.decoder.destandardise(self.standard_sample(shape, torch.Generator().manual_seed(seed)))

    @property
    def num_parameters(self) -> int:
        return sum(p.numel() for p in self.network.parameters())
