"""The interface of a parameterisation: what the outputs of a denoising network mean."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part
from ndm.parts.schedules import NoiseLevel
from ndm.process.mixture import Mixture


class Parameterisation(Part, ABC):
    """Makes x^, or the posterior p(x | z_t), from z_t and the network's outputs; and the network's input from z_t.

    A parameterisation works dimension by dimension: alpha and sigma of a noise level may be one number per example,
    (B,), or one for each dimension, (B, *event).

    Attributes:
        num_outputs: the number of events that the network gives.
    """

    num_outputs = 1

    def initialise(self, x: Tensor) -> None:
        """Initialise parameters from the training data x (N, *event), in the model's coordinates."""

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        """Make the input of the network from z_t, (B, *event)."""
        return z_t

    @abstractmethod
    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        """Make the posterior of x (B, *event) given z_t from the network's outputs (B, num_outputs, *event)."""


class PointParameterisation(Parameterisation, ABC):
    """A parameterisation that gives a point x^ and no distribution."""

    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        return Mixture.point(self.x_hat(z_t, outputs, level))

    @abstractmethod
    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        """Compute x^, (B, *event), from the network's outputs (B, 1, *event)."""
