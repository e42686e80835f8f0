"""A volatility drawn anew for every example while training, so that the model is good for all of them."""

import math

import torch
from torch import Tensor

from ndm.errors import InputError
from ndm.schedules import Schedule
from ndm.transforms import Transform
from ndm.volatilities.constant import ConstantVolatility


class RandomVolatility(ConstantVolatility):
    """While training eta = r^u, u ~ U(-1, 1), for each example; otherwise eta = 1.

    A bound at one eta shows a predictor of F's curve and velocity only the combination (1 + eta)/2 dF - dF'/gamma':
    it may guess both wrong together. Those of several eta tell them apart, so that the model is good at any eta, the
    ODE's 0 included. The mean of bounds is a bound.

    Args:
        ratio: r > 1.
    """

    def __init__(self, ratio: float = 4.0) -> None:
        super().__init__(1.0)
        if not (math.isfinite(ratio) and ratio > 1):
            raise InputError(f"ratio = {ratio}", "a finite number > 1", "eta is drawn between 1/ratio and ratio")
        self.ratio = ratio

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        eta = super().eta(t, schedule, transform)
        return eta * self.ratio ** (2 * torch.rand_like(eta) - 1) if self.training else eta

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        span = super().integral(s, t, schedule, transform)
        return span * self.ratio ** (2 * torch.rand_like(span) - 1) if self.training else span
