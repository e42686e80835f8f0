"""Volatilities that are constant on each of N equal bins of time, which keeps their integral exact."""

import torch
from torch import Tensor

from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities.volatility import Volatility


class BinnedVolatility(Volatility):
    """eta_t = eta_b on the b-th of N equal bins of [0, 1], for any schedule.

    D = sum_b eta_b (gamma(t clipped to bin b) - gamma(s clipped to bin b)).
    Subclasses give the values by `bins`.
    """

    num_bins: int

    def bins(self) -> Tensor:
        """eta_b, (N,)."""
        raise TypeError(f"{type(self).__name__} does not define the values of its bins")

    def index(self, t: Tensor) -> Tensor:
        """The bin that t lies in, shaped like t."""
        return (t * self.num_bins).long().clamp(0, self.num_bins - 1)

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return self.bins().take(self.index(t))  # the host would read an index of no dimensions

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        edges = torch.linspace(0, 1, self.num_bins + 1, dtype=t.dtype, device=t.device)
        first, last = (schedule.gamma(u[..., None].clamp(edges[:-1], edges[1:])) for u in (s, t))
        return (self.bins() * (last - first)).sum(-1)
