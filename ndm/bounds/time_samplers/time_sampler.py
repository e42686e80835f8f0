"""The interface of a sampler of times: where in [0, 1] the integrand of the bound is evaluated."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ndm.base.kinds import Checked


class TimeSampler(nn.Module, metaclass=Checked):
    """Draws u in [0, 1) with density r(u), for the unbiased estimate of an integral, E[ l(u) / r(u) ]."""

    @abstractmethod
    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw times u and their density r(u), each (num,), of the type and on the device of `like`."""

    def observe(self, u: Tensor, integrand: Tensor) -> None:
        """Record the loss l(u), (B,), while training."""
