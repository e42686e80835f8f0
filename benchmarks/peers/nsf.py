"""zuko's neural spline flow: autoregressive, monotone rational-quadratic splines."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.peers.peer import Peer
from ndm.base.registry import optional
from ndm.data import DataSet


@dataclass(frozen=True)
class NeuralSplineFlow(Peer):
    """`zuko.flows.NSF`, by maximum likelihood. Durkan et al. (2019), https://arxiv.org/abs/1906.04032."""

    transforms: int = 3
    bins: int = 16
    hidden: tuple[int, ...] = (64, 64, 64)

    def check(self) -> None:
        optional("zuko", "peers")

    def network(self, data: DataSet) -> nn.Module:
        sizes = {"transforms": self.transforms, "bins": self.bins, "hidden_features": self.hidden}
        flow: nn.Module = optional("zuko.flows", "peers").NSF(data.event_shape[0], **sizes)
        return flow

    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        return -self.log_prob(network, x).mean()

    sampler = "inverse of the flow"  # one pass for each dimension and transformation

    def log_prob(self, network: nn.Module, x: Tensor) -> Tensor:
        log_prob: Tensor = network().log_prob(x)
        return log_prob

    def sample(self, network: nn.Module, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        samples: Tensor = network().transform.inv(torch.randn(shape, generator=generator))
        return samples
