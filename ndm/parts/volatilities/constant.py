"""The same eta at every time."""

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.ranges import check_number
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities.volatility import Volatility


class ConstantVolatility(Volatility):
    """A constant volatility, eta_t = eta, D = eta (gamma_t - gamma_s)."""

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        check_number("eta", value, least=0, advice="0 is deterministic, 1 is DDPM")
        self.value = value

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return torch.full_like(t, self.value)

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return self.value * (schedule.gamma(t) - schedule.gamma(s))

    def require_noise(self) -> None:
        if self.value == 0:
            raise InputError("eta = 0", "eta > 0 for the bound", "a deterministic process is for sampling only")
