"""A volatility learned in t, together with the model."""

import torch
from torch import Tensor, nn

from ndm.base.ranges import check_count
from ndm.parts.volatilities._bins import BinnedVolatility


class LearnedVolatility(BinnedVolatility):
    """A learned volatility, eta_t = exp(theta_b) on the b-th of N bins of time; it starts as eta = `start`."""

    def __init__(self, num_bins: int = 16, start: float = 1.0) -> None:
        super().__init__()
        self.check_start(start)
        check_count("num_bins", num_bins, 1)
        self.num_bins = num_bins
        self.log_eta = nn.Parameter(torch.full((num_bins,), start).log())

    def bins(self) -> Tensor:
        return self.log_eta.exp()
