"""The network predicts x."""

from torch import Tensor

from ndm.parts.parameterisations.parameterisation import PointParameterisation
from ndm.parts.schedules import NoiseLevel


class XParameterisation(PointParameterisation):
    """The network predicts x, x^ = output."""

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        return outputs[:, 0]
