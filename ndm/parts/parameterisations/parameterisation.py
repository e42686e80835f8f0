"""What the outputs of a denoising network mean: parameterisations of p(x | z_t)."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.precision import holds
from ndm.base.shapes import like_event
from ndm.parts.schedules import NoiseLevel
from ndm.process.mixture import Mixture


class Parameterisation(Part, ABC):
    """x^, or the posterior p(x | z_t), from z_t and the network's outputs; and what the network sees of z_t.

    A parameterisation works dimension by dimension: alpha and sigma of a level may be one number per example, (B,), or
    one for each dimension, (B, *event).

    Attributes:
        num_outputs: how many events the network gives.
    """

    num_outputs = 1

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], num_levels: int | None, **options: Any) -> "Parameterisation":
        """That for events of this shape and number of levels; `options` are arguments of the constructor."""
        return cls(**options)

    def initialise(self, x: Tensor) -> None:
        """Take from the training data x (N, *event), as the model sees them, what can be read off them."""

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        """What the network sees of z_t, (B, *event)."""
        return z_t

    @abstractmethod
    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        """What is believed of x (B, *event), given z_t, from the network's outputs (B, num_outputs, *event)."""


class PointParameterisation(Parameterisation, ABC):
    """A parameterisation of x^ alone."""

    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        return Mixture.point(self.x_hat(z_t, outputs, level))

    @abstractmethod
    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        """x^, (B, *event), from the network's outputs (B, 1, *event)."""


class XParameterisation(PointParameterisation):
    """x^ = output."""

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        return outputs[:, 0]


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


class VParameterisation(PointParameterisation):
    """x^ = (alpha_t z_t - sigma_t output) / (alpha_t^2 + sigma_t^2): the output is v = alpha_t eps - sigma_t x.

    Source: Salimans, Ho, Progressive Distillation (2022), https://arxiv.org/abs/2202.00512, where the denominator is 1.
    """

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        alpha, sigma = like_event(level.alpha, z_t), like_event(level.sigma, z_t)
        return (alpha * z_t - sigma * outputs[:, 0]) / (alpha**2 + sigma**2)


class ScaledParameterisation(PointParameterisation):
    """Input and output of unit variance, for data of standard deviation s, at every noise level:

    input  = z_t / r,   r^2 = alpha^2 s^2 + sigma^2
    x^     = (alpha s^2 / r^2) z_t + (sigma s / r) output

    x^ is the best linear guess plus a correction that is no larger than that guess's error. Equal to
    `VParameterisation` up to the sign of the output when s = 1 and alpha^2 + sigma^2 = 1.
    Source: Karras et al., EDM (2022), https://arxiv.org/abs/2206.00364, table 1.
    """

    def __init__(self, data_std: float = 1.0) -> None:
        super().__init__()
        if not data_std > 0:
            raise InputError(f"data_std = {data_std}", "a number > 0")
        self.data_std = data_std

    def _norm(self, level: NoiseLevel) -> Tensor:
        return (level.alpha**2 * self.data_std**2 + level.sigma**2).sqrt()

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        return z_t / like_event(self._norm(level), z_t)

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        norm = self._norm(level)
        skip = level.alpha * self.data_std**2 / norm**2
        gain = level.sigma * self.data_std / norm
        return like_event(skip, z_t) * z_t + like_event(gain, z_t) * outputs[:, 0]
