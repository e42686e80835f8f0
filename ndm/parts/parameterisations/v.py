"""The network predicts v, the velocity of the variance-preserving process."""

from torch import Tensor

from ndm.base.shapes import like_event
from ndm.parts.parameterisations.parameterisation import PointParameterisation
from ndm.parts.schedules import NoiseLevel


class VParameterisation(PointParameterisation):
    """The network predicts v = alpha_t eps - sigma_t x.

    x^ = (alpha_t z_t - sigma_t output) / (alpha_t^2 + sigma_t^2). Source: Salimans, Ho, Progressive Distillation
    (2022), https://arxiv.org/abs/2202.00512, where the denominator is 1.
    """

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        alpha, sigma = like_event(level.alpha, z_t), like_event(level.sigma, z_t)
        return (alpha * z_t - sigma * outputs[:, 0]) / (alpha**2 + sigma**2)
