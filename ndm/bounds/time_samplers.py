"""Where in [0, 1] the integrand of the bound is evaluated: any density gives the same mean, some give less noise."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ndm.base.running_mean import RunningMean

_UNIFORM_SHARE = 0.1  # of the density, so that 1 / r stays below 10 where the moments are underestimated
_WARM_UP = 10  # observations that every bin needs before its moment is believed


class TimeSampler(nn.Module, ABC):
    """Draws u in [0, 1) with density r(u), for the unbiased estimate of an integral, E[ l(u) / r(u) ]."""

    @abstractmethod
    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """u and r(u), each (num,), of the type and on the device of `like`."""

    def observe(self, u: Tensor, integrand: Tensor) -> None:
        """Take note, while training, of l(u), (B,)."""


class LowDiscrepancy(TimeSampler):
    """u_i = (u_0 + i / num) mod 1: uniform each, and evenly spread together.

    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630, appendix I.1.
    """

    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        u = _random((), like, generator) + torch.arange(num, dtype=like.dtype, device=like.device) / num
        return u % 1, torch.ones_like(u)


class Stratified(TimeSampler):
    """Each run of `draws` neighbours in the batch (the draws of one example) is spread evenly, on its own offset."""

    def __init__(self, draws: int) -> None:
        super().__init__()
        self.draws = draws

    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        offsets = _random((num // self.draws, 1), like, generator)
        u = (offsets + torch.arange(self.draws, dtype=like.dtype, device=like.device) / self.draws) % 1
        return u.flatten(), torch.ones_like(u.flatten())


class Importance(TimeSampler):
    """r(u) proportional to sqrt(E[l(u)^2]) on each of N bins, mixed with a little of the uniform density.

    The second moments are running averages, taken while training; that density gives the estimate the least
    variance. The uniform times of `points` go through the inverse of its distribution function.
    Source of the idea: Nichol, Dhariwal, Improved DDPM (2021), https://arxiv.org/abs/2102.09672, section 3.3.
    """

    def __init__(self, num_bins: int = 32, decay: float = 0.99, points: TimeSampler | None = None) -> None:
        super().__init__()
        self.num_bins = num_bins
        self.points = points or LowDiscrepancy()
        self.moments = RunningMean((num_bins,), decay, torch.float64)

    def density(self) -> Tensor:
        """r on each bin, (N,), of mean 1."""
        moments = self.moments.value
        if (self.moments.count < _WARM_UP).any() or not moments.sum() > 0:
            return torch.ones_like(moments)
        root = moments.sqrt()
        return _UNIFORM_SHARE + (1 - _UNIFORM_SHARE) * root / root.mean()

    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        probabilities = self.density() / self.num_bins
        cumulative = probabilities.cumsum(0)
        points = self.points(num, like, generator)[0].to(cumulative)
        index = torch.searchsorted(cumulative, points, right=True).clamp(max=self.num_bins - 1)
        fraction = 1 - (cumulative[index] - points) / probabilities[index]
        u = ((index + fraction.clamp(0, 1)) / self.num_bins).clamp(0, 1 - 1e-7)
        return u.to(like), (probabilities[index] * self.num_bins).to(like)

    def observe(self, u: Tensor, integrand: Tensor) -> None:
        self.moments.update((u * self.num_bins).long().clamp(0, self.num_bins - 1), integrand.double() ** 2)


def _random(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(shape, dtype=like.dtype, device=like.device, generator=generator)
