"""The best volatility for the present model, from a running estimate."""

import torch
from torch import Tensor

from ndm.base.ranges import check_count
from ndm.base.running_mean import RunningMean
from ndm.base.shapes import sum_event
from ndm.parts.volatilities._bins import BinnedVolatility

_LARGEST = 10.0  # eta* is kept in [1/10, 10]: a bin that has seen few examples must not stop the process


class BestVolatility(BinnedVolatility):
    """The best volatility for the present model, eta*_t = sqrt(E|u|^2 / E|w|^2).

    It minimises (1/eta) E|u + eta w|^2, w = dF/2, u = dF/2 - dF'/gamma'. The two moments are running averages in each
    of N bins of time, taken while training; before that eta = 1. For F = identity u = w, so that eta* = 1 whatever the
    model.
    """

    observes = True

    def __init__(self, num_bins: int = 16, decay: float = 0.99) -> None:
        super().__init__()
        check_count("num_bins", num_bins, 1)
        self.num_bins = num_bins
        self.u_squared = RunningMean((num_bins,), decay)
        self.w_squared = RunningMean((num_bins,), decay)

    def bins(self) -> Tensor:
        u_squared, w_squared = self.u_squared.value, self.w_squared.value
        eta = (u_squared / w_squared).sqrt().clamp(1 / _LARGEST, _LARGEST)
        return torch.where(w_squared > 0, eta, 1.0)

    def observe(self, t: Tensor, difference: Tensor, slope: Tensor) -> None:
        index = self.index(t)
        u, w = difference / 2 - slope, difference / 2
        self.u_squared.update(index, sum_event(u**2))
        self.w_squared.update(index, sum_event(w**2))
