"""The network predicts the error of the best linear estimate of x, at unit scale (EDM)."""

from torch import Tensor

from ndm.base.ranges import check_number
from ndm.base.shapes import like_event
from ndm.parts.parameterisations.parameterisation import PointParameterisation
from ndm.parts.schedules import NoiseLevel


class ScaledParameterisation(PointParameterisation):
    """The network has input and output of unit variance, for data of standard deviation s, at every noise level:

    input  = z_t / r,   r^2 = alpha^2 s^2 + sigma^2
    x^     = (alpha s^2 / r^2) z_t + (sigma s / r) output

    x^ is the best linear estimate plus a correction that is no larger than its error. Equal to `VParameterisation` up
    to the sign of the output when s = 1 and alpha^2 + sigma^2 = 1.
    Source: Karras et al., EDM (2022), https://arxiv.org/abs/2206.00364, table 1.
    """

    def __init__(self, data_std: float = 1.0) -> None:
        super().__init__()
        check_number("data_std", data_std, above=0)
        self.data_std = data_std

    def _norm(self, level: NoiseLevel) -> Tensor:
        return (level.alpha**2 * self.data_std**2 + level.sigma**2).sqrt()

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        return z_t / like_event(self._norm(level), z_t)

    def x_hat(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Tensor:
        skip, gain = (like_event(each, z_t) for each in self.linear(level))
        return skip * z_t + gain * outputs[:, 0]

    def linear(self, level: NoiseLevel) -> tuple[Tensor, Tensor]:
        """alpha s^2 / r^2, by which z_t is the best linear estimate of x, and sigma s / r, the scale of its error."""
        norm = self._norm(level)
        return level.alpha * self.data_std**2 / norm**2, level.sigma * self.data_std / norm
