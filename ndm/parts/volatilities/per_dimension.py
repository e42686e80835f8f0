"""One learned volatility for each dimension."""

import torch
from torch import Tensor, nn

from ndm.base.ranges import check_shape
from ndm.base.shapes import like_event
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities.volatility import Volatility


class PerDimensionVolatility(Volatility):
    """A learned volatility for each dimension of the transform's basis, eta_i = exp(theta_i), the same at every time.

    D_i = eta_i (gamma_t - gamma_s).
    """

    def __init__(self, event_shape: tuple[int, ...], start: float = 1.0) -> None:
        super().__init__()
        self.check_start(start)
        self.event_shape = check_shape(event_shape)
        self.log_eta = nn.Parameter(torch.full(self.event_shape, start).log())

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return self.log_eta.exp()[None]

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        eta = self.log_eta.exp()[None]
        span = (schedule.gamma(t) - schedule.gamma(s)).reshape(-1)
        return eta * like_event(span, eta)
