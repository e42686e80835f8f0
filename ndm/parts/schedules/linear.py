"""gamma linear in t."""

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.parts.schedules.schedule import Schedule

_LARGEST = 80.0  # exp(80) is 6e34, which float32 holds, and its square root is more than float64 can add to 1


class LinearSchedule(Schedule):
    """A linear schedule, gamma(t) = gamma_min + (gamma_max - gamma_min) t.

    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630.
    """

    def __init__(self, gamma_min: float = -13.3, gamma_max: float = 5.0) -> None:
        super().__init__()
        check_ends(gamma_min, gamma_max)
        self.gamma_min, self.gamma_max = gamma_min, gamma_max

    def gamma(self, t: Tensor) -> Tensor:
        return self.gamma_min + (self.gamma_max - self.gamma_min) * t

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.gamma(t), torch.full_like(t, self.gamma_max - self.gamma_min)


def check_ends(gamma_min: float, gamma_max: float) -> None:
    """Raise `InputError` unless gamma increases, within what exp(gamma) can hold.

    `precision.check_noise` checks how low it may start for given data, in a given precision.
    """
    if not max(abs(gamma_min), abs(gamma_max)) <= _LARGEST:
        raise InputError(
            f"gamma from {gamma_min} to {gamma_max}",
            f"ends between -{_LARGEST:g} and {_LARGEST:g}",
            "the usual range is about -13 to 5",
        )
    if not gamma_min < gamma_max:
        raise InputError(
            f"gamma from {gamma_min} to {gamma_max}",
            "gamma_min < gamma_max",
            "gamma is minus the log signal-to-noise ratio: it grows with the noise",
        )
