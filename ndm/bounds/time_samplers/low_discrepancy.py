"""Times that are spread evenly over the batch, or over the draws of each example."""

import torch
from torch import Tensor

from ndm.base.ranges import check_count
from ndm.bounds.time_samplers.time_sampler import TimeSampler


class LowDiscrepancy(TimeSampler):
    """Times that are uniform each and evenly spread together, u_i = (u_0 + i / num) mod 1.

    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630, appendix I.1.
    """

    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        u = _random((), like, generator) + torch.arange(num, dtype=like.dtype, device=like.device) / num
        return u % 1, torch.ones_like(u)


class Stratified(TimeSampler):
    """Times that are evenly spread over the `draws` of each example, with an offset for each example."""

    def __init__(self, draws: int) -> None:
        super().__init__()
        check_count("draws", draws, 1)
        self.draws = draws

    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        offsets = _random((num // self.draws, 1), like, generator)
        u = (offsets + torch.arange(self.draws, dtype=like.dtype, device=like.device) / self.draws) % 1
        return u.flatten(), torch.ones_like(u.flatten())


def _random(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(shape, dtype=like.dtype, device=like.device, generator=generator)
