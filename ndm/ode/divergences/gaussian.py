"""The divergence estimated with Gaussian probes."""

from torch import Tensor

from ndm.base.noise import Noise
from ndm.ode.divergences.hutchinson import Hutchinson


class Gaussian(Hutchinson):
    """The divergence estimated with Gaussian probes, e_i ~ N(0, 1)."""

    name = "hutchinson, Gaussian"

    def draw(self, noise: Noise) -> Tensor:
        return noise.normal()
