"""A volatility that is random for every example while training, so that the model serves all values."""

import torch
from torch import Tensor

from ndm.base.ranges import check_number
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities.constant import ConstantVolatility

_LARGEST = 100.0  # a bound at eta = 1/100 weighs errors of the velocity a hundred times


class RandomVolatility(ConstantVolatility):
    """A random volatility: while training eta = r^u, u ~ U(-1, 1), for each example; otherwise eta = 1.

    A bound at one eta trains a predictor of F's curve and velocity only on the combination (1 + eta)/2 dF - dF'/gamma':
    both may be wrong together. Bounds at several eta tell them apart, so that the model serves any eta, the ODE's 0
    included. The mean of bounds is a bound. Made for continuous time: in a chain, reverse steps that are estimated
    while training are averages over all of those eta.

    Args:
        ratio: r, from 1 to 100.
    """

    def __init__(self, ratio: float = 4.0) -> None:
        super().__init__(1.0)
        check_number("ratio", ratio, above=1, most=_LARGEST, advice="eta is drawn between 1/ratio and ratio")
        self.ratio = ratio

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return self._drawn(super().eta(t, schedule, transform))

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return self._drawn(super().integral(s, t, schedule, transform))

    def _drawn(self, at_one: Tensor) -> Tensor:
        """Scale values for eta = 1 to the random eta of each example."""
        return at_one * self.ratio ** (2 * torch.rand_like(at_one) - 1) if self.training else at_one
