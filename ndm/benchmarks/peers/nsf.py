"""zuko's neural spline flow: autoregressive, monotone rational-quadratic splines."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ndm.base.errors import InputError
from ndm.benchmarks.peers.peer import FittedPeer, Peer
from ndm.data import DataSet
from ndm.parts.decoders import Decoder

try:
    import zuko
except ImportError:
    zuko = None


@dataclass(frozen=True)
class NeuralSplineFlow(Peer):
    """`zuko.flows.NSF`, by maximum likelihood. Durkan et al. (2019), https://arxiv.org/abs/1906.04032."""

    transforms: int = 3
    bins: int = 16
    hidden: tuple[int, ...] = (64, 64, 64)

    def check(self) -> None:
        if zuko is None:
            raise InputError("no package zuko", "zuko for the neural spline flow", "pip install 'ndm[peers]'")

    def network(self, data: DataSet) -> nn.Module:
        flow: nn.Module = zuko.flows.NSF(
            data.event_shape[0], transforms=self.transforms, bins=self.bins, hidden_features=self.hidden
        )
        return flow

    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        return -network().log_prob(x).mean()

    def fitted(self, network: nn.Module, decoder: Decoder, steps: int) -> FittedPeer:
        return FittedFlow(network, decoder, steps)


class FittedFlow(FittedPeer):
    """Its density is exact, in one pass; samples take one pass for each dimension and transformation."""

    sampler = "inverse of the flow"

    def standard_log_prob(self, x: Tensor) -> Tensor:
        log_prob: Tensor = self.network().log_prob(x)
        return log_prob

    def standard_sample(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        samples: Tensor = self.network().transform.inv(torch.randn(shape, generator=generator))
        return samples
