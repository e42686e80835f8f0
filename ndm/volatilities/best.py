"""The best volatility for the model as it is, in closed form, from a running estimate."""

import torch
from torch import Tensor

from ndm.shapes import sum_event
from ndm.volatilities._bins import BinnedVolatility

_LARGEST = 10.0  # eta* is kept in [1/10, 10]: a bin that has seen few examples must not stop the process


class BestVolatility(BinnedVolatility):
    """eta*_t = sqrt(E|u|^2 / E|w|^2), w = dF/2, u = dF/2 - dF'/gamma', which minimises (1/eta) E|u + eta w|^2.

    The two moments are running averages in each of N bins of time, taken while training; before that eta = 1. For
    F = identity u = w, so that eta* = 1 whatever the model.
    """

    def __init__(self, num_bins: int = 16, decay: float = 0.99) -> None:
        super().__init__()
        self.num_bins, self.decay = num_bins, decay
        self.u_squared: Tensor
        self.w_squared: Tensor
        self.register_buffer("u_squared", torch.zeros(num_bins))
        self.register_buffer("w_squared", torch.zeros(num_bins))

    def bins(self) -> Tensor:
        eta = (self.u_squared / self.w_squared).sqrt().clamp(1 / _LARGEST, _LARGEST)
        return torch.where(self.w_squared > 0, eta, 1.0)

    @torch.no_grad()
    def observe(self, t: Tensor, difference: Tensor, slope: Tensor) -> None:
        index = self.index(t)
        u, w = difference / 2 - slope, difference / 2
        counts = torch.bincount(index, minlength=self.num_bins)
        for running, values in ((self.u_squared, u), (self.w_squared, w)):
            sums = torch.zeros_like(running).index_add(0, index, sum_event(values**2).to(running.dtype))
            means = sums / counts.clamp_min(1)
            fresh = torch.where(running > 0, torch.lerp(means, running, self.decay), means)
            running.copy_(torch.where(counts > 0, fresh, running))
