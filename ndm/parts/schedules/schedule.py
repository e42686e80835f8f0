"""What a noise schedule is: an increasing gamma(t), and alpha and sigma from it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.autodiff.derivative import with_velocity
from ndm.base.part import Part


@dataclass(frozen=True)
class NoiseLevel:
    """The noise level at a time t; every field is shaped like t."""

    gamma: Tensor  # log(sigma^2 / alpha^2), minus the log signal-to-noise ratio
    gamma_prime: Tensor  # d gamma / dt > 0
    alpha: Tensor  # signal scale
    sigma: Tensor  # noise scale

    @property
    def snr(self) -> Tensor:
        """alpha^2 / sigma^2 = exp(-gamma)."""
        return torch.exp(-self.gamma)


class Schedule(Part, ABC):
    """gamma(t), increasing; alpha^2 = sigmoid(-gamma) and sigma^2 = sigmoid(gamma) preserve the variance.

    A schedule is elementwise in t. Subclasses define `gamma`, and override `with_velocity` (by default a forward-mode
    derivative) or `forward` where a closed form is known. Where the signal is gone, alpha = 0, gamma is a finite number
    so large that exp(-eta gamma) is 0 for every eta > 0 (see `FlowSchedule`), and `decay` needs a closed form.
    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630.
    """

    loses_signal = False  # whether alpha = 0 at t = 1

    @abstractmethod
    def gamma(self, t: Tensor) -> Tensor:
        """log(sigma_t^2 / alpha_t^2), shaped like t."""

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """gamma and d gamma / dt, each shaped like t."""
        return with_velocity(self.gamma, t)

    @property
    def knots(self) -> tuple[float, ...]:
        """Times inside (0, 1) at which gamma is not smooth; none by default."""
        return ()

    def forward(self, t: Tensor) -> NoiseLevel:
        gamma, gamma_prime = self.with_velocity(t)
        return NoiseLevel(gamma, gamma_prime, torch.sigmoid(-gamma).sqrt(), torch.sigmoid(gamma).sqrt())

    def log_sigma_prime(self, level: NoiseLevel) -> Tensor:
        """sigma' / sigma at that level, shaped like t: alpha^2 gamma' / 2 where alpha^2 + sigma^2 = 1."""
        return level.alpha**2 * level.gamma_prime / 2

    def decay(self, level: NoiseLevel) -> Tensor:
        """alpha gamma' / 2 = alpha sigma' / sigma - alpha' at that level, shaped like t; finite where alpha is 0."""
        return level.sigma * torch.exp(-level.gamma / 2) * level.gamma_prime / 2
