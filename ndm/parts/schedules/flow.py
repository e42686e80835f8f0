"""The schedule of flow matching: signal and noise are mixed linearly."""

import torch
from torch import Tensor

from ndm.base.ranges import check_number
from ndm.parts.schedules.schedule import NoiseLevel, Schedule

# gamma and gamma' at t = 1, where they are infinite. exp(-gamma), and exp(-eta gamma) for any eta > 0 that a model
# has, are 0 all the same, and 0 times this is 0: no value and no gradient becomes NaN.
_INFINITE = 1e30


class FlowSchedule(Schedule):
    """The straight path of flow matching, alpha = 1 - t, sigma = sigma_min + (1 - sigma_min) t.

    gamma = 2 log(sigma / alpha), gamma' = 2 (sigma' / sigma + 1 / alpha). At t = 1 the signal is gone: both are 1e30
    there, and the process forgets z_1 at once for every eta > 0.
    Source: Lipman et al., Flow Matching for Generative Modeling (2022), https://arxiv.org/abs/2210.02747.
    """

    loses_signal = True

    def __init__(self, sigma_min: float = 1e-2) -> None:
        super().__init__()
        check_number("sigma_min", sigma_min, above=0, below=1)
        self.sigma_min = sigma_min

    def gamma(self, t: Tensor) -> Tensor:
        return self(t).gamma

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self(t).gamma, self(t).gamma_prime

    def forward(self, t: Tensor) -> NoiseLevel:
        alpha = 1 - t
        sigma = self.sigma_min + (1 - self.sigma_min) * t
        left = alpha > 0
        signal = torch.where(left, alpha, 1.0)
        gamma = torch.where(left, 2 * (sigma.log() - signal.log()), _INFINITE)
        gamma_prime = torch.where(left, 2 * ((1 - self.sigma_min) / sigma + 1 / signal), _INFINITE)
        return NoiseLevel(gamma, gamma_prime, alpha, sigma)

    def log_sigma_prime(self, level: NoiseLevel) -> Tensor:
        return (1 - self.sigma_min) / level.sigma

    def decay(self, level: NoiseLevel) -> Tensor:
        return 1 + level.alpha * self.log_sigma_prime(level)
