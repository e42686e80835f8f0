"""The network predicts the noise."""

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.precision import holds
from ndm.base.shapes import like_event
from ndm.parts.parameterisations.parameterisation import PointParameterisation
from ndm.parts.schedules import NoiseLevel


class EpsParameterisation(PointParameterisation):
    """x^ = (z_t - sigma_t output) / alpha_t. Source: Ho et al., DDPM (2020), https://arxiv.org/abs/2006.11239."""

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        if not holds(level.alpha > 0):
            raise InputError(
                "the eps parameterisation at alpha = 0",
                "a schedule that keeps some signal at t = 1",
                "choose the scaled or the x parameterisation",
            )
        return (z_t - like_event(level.sigma, z_t) * outputs[:, 0]) / like_event(level.alpha, z_t)
