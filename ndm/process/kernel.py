"""A step of the process, from z_t to a less noisy z_s."""

from dataclasses import dataclass

from torch import Tensor

from ndm.process.bases import Basis
from ndm.process.curve import Curve, Posterior
from ndm.process.gaussian import Gaussian
from ndm.process.mixture import Mixture


@dataclass(frozen=True)
class Kernel:
    """q(z_s | z_t, f) = N( shift(f) + c z_t, v I ) for curves f,   shift(f) = alpha_s f(s) - c alpha_t f(t)

    Per-dimension values are coordinates in `basis`; all values broadcast against (B, *event).
    """

    s: Tensor
    t: Tensor
    alpha_s: Tensor
    alpha_t: Tensor
    c: Tensor
    std: Tensor  # sqrt(v)
    basis: Basis

    def shift(self, curve: Curve) -> Tensor:
        """The term of the curve in the mean of z_s, (B, *event)."""
        return self.alpha_s * curve(self.s) - self.basis.scale(self.c, self.alpha_t * curve(self.t))

    def __call__(self, z_t: Tensor, curve: Curve) -> Gaussian:
        mean = self.alpha_s * curve(self.s) + self.basis.scale(self.c, z_t - self.alpha_t * curve(self.t))
        return Gaussian(mean, self.std, self.basis)

    def deviation(self, posterior: Posterior | None) -> Mixture | None:
        """The distribution of the mean of z_s under the posterior of x, centred: gain_i (x_i - x^_i), of mean 0.

        The gain is the shift of the curve's response to x. None without a posterior.
        """
        if posterior is None:
            return None
        gain = self.shift(posterior.response)
        return posterior.x.affine(gain, -gain * posterior.x.mean)
