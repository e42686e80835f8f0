"""The network predicts the noise."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.base.shapes import like_event
from ndm.parts.parameterisations.parameterisation import PointParameterisation
from ndm.parts.schedules import NoiseLevel


class EpsParameterisation(PointParameterisation):
    """The network predicts the noise, x^ = (z_t - sigma_t output) / alpha_t.

    Source: Ho et al., DDPM (2020), https://arxiv.org/abs/2006.11239.
    """

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        schedule = parts["schedule"]
        if schedule.loses_signal:
            raise InputError(
                f"the eps parameterisation with {a(schedule)}, where alpha = 0 at t = 1",
                "a schedule that keeps some signal at t = 1",
                "choose the scaled or the x parameterisation",
            )

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        return (z_t - like_event(level.sigma, z_t) * outputs[:, 0]) / like_event(level.alpha, z_t)
