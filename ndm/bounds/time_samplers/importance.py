"""Importance sampling of times: more of them where the loss is large."""

import torch
from torch import Tensor

from ndm.base.ranges import check_count
from ndm.base.running_mean import RunningMean
from ndm.bounds.time_samplers.low_discrepancy import LowDiscrepancy
from ndm.bounds.time_samplers.time_sampler import TimeSampler

_UNIFORM_SHARE = 0.1  # of the density, so that 1 / r stays below 10 where the moments are underestimated
_WARM_UP = 10  # observations that every bin needs before its moment is used


class Importance(TimeSampler):
    """Draws times in proportion to the size of the loss, as learned while training.

    r(u) is proportional to sqrt(E[l(u)^2]) on each of N bins, mixed with a little of the uniform density. The
    second moments are running averages, taken while training; that density gives the estimate the least variance.
    The uniform times of `points` go through the inverse of its distribution function.
    Source of the idea: Nichol, Dhariwal, Improved DDPM (2021), https://arxiv.org/abs/2102.09672, section 3.3.
    """

    def __init__(self, num_bins: int = 32, decay: float = 0.99, points: TimeSampler | None = None) -> None:
        super().__init__()
        check_count("num_bins", num_bins, 1)
        self.num_bins = num_bins
        self.points = points or LowDiscrepancy()
        self.moments = RunningMean((num_bins,), decay, torch.float64)

    def density(self) -> Tensor:
        """The density r on each bin, (N,), of mean 1."""
        moments = self.moments.value
        root = moments.sqrt()
        # Decided on the device, without a read by the host.
        known = (self.moments.count >= _WARM_UP).all() & (root.mean() > 0)
        return torch.where(known, _UNIFORM_SHARE + (1 - _UNIFORM_SHARE) * root / root.mean(), 1.0)

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
