"""What the outputs of a denoising network mean: parameterisations of p(x | z_t)."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.process.mixture import Mixture


class Parameterisation(Part, ABC):
    """x^, or the posterior p(x | z_t), from z_t and the network's outputs; and what the network sees of z_t.

    A parameterisation works dimension by dimension: alpha and sigma of a level may be one number per example, (B,), or
    one for each dimension, (B, *event).

    Attributes:
        num_outputs: how many events the network gives.
    """

    num_outputs = 1

    def initialise(self, x: Tensor) -> None:
        """Take from the training data x (N, *event), as the model sees them, what can be read off them."""

    def check(self, schedule: Schedule) -> None:
        """Raise `InputError` for a schedule that this parameterisation is not for."""

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        """What the network sees of z_t, (B, *event)."""
        return z_t

    @abstractmethod
    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        """Make the posterior of x (B, *event) given z_t from the network's outputs (B, num_outputs, *event)."""


class PointParameterisation(Parameterisation, ABC):
    """A parameterisation of x^ alone."""

    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        return Mixture.point(self.x_hat(z_t, outputs, level))

    @abstractmethod
    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        """x^, (B, *event), from the network's outputs (B, 1, *event)."""
