"""Mixtures of Gaussians, independent across the dimensions of an event: posteriors of x, and steps made of them."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ndm.autodiff.softmax import logsumexp_and_softmax, minus_square
from ndm.base.shapes import sum_event
from ndm.process.gaussian import Gaussian

_HALF_LOG_PI, _HALF_LOG_2_PI = 0.5 * math.log(math.pi), 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Mixture:
    """A mixture for each dimension, prod_i sum_k pi_ik N(mu_ik, s_ik^2); s = 0 is a point, which has no density.

    Args:
        logits: log pi, each dimension up to a number.
        means: mu.
        variances: s^2.
    """

    logits: Tensor  # (B, *event, K)
    means: Tensor  # broadcasts against (B, *event, K)
    variances: Tensor  # broadcasts against (B, *event, K)

    @classmethod
    def point(cls, x: Tensor) -> "Mixture":
        """The mixture that has all its weight on x (B, *event)."""
        zero = x.new_zeros(()).expand(*x.shape, 1)
        return cls(zero, x[..., None], zero)

    @cached_property
    def _normalised(self) -> tuple[Tensor, Tensor]:
        """log sum_k exp(logits_k), (B, *event), and pi, (B, *event, K)."""
        if self.logits.shape[-1] == 1:
            return self.logits[..., 0], torch.ones_like(self.logits)
        return logsumexp_and_softmax(self.logits)

    @property
    def log_weights(self) -> Tensor:
        """log pi, (B, *event, K)."""
        return self.logits - self._normalised[0][..., None]

    @property
    def weights(self) -> Tensor:
        """pi, (B, *event, K)."""
        return self._normalised[1]

    @cached_property
    def mean(self) -> Tensor:
        """The mean, sum_k pi_k mu_k, (B, *event)."""
        return (self.weights * self.means).sum(-1)

    @property
    def variance(self) -> Tensor:
        """The variance, sum_k pi_k [ s_k^2 + (mu_k - mean)^2 ], (B, *event)."""
        deviation = self.means - self.mean[..., None]
        return (self.weights * (self.variances + deviation**2)).sum(-1)

    def affine(self, gain: Tensor, offset: Tensor) -> "Mixture":
        """The distribution of gain x + offset, each broadcasting against (B, *event)."""
        gain = gain[..., None]
        return self._with(gain * self.means + offset[..., None], gain**2 * self.variances)

    def shifted(self, offset: Tensor) -> "Mixture":
        """The distribution of x + offset, offset broadcasting against (B, *event)."""
        return self._with(self.means + offset[..., None], self.variances)

    def blurred(self, variance: Tensor) -> "Mixture":
        """The distribution of x + n, n ~ N(0, variance)."""
        return self._with(self.means, self.variances + variance[..., None])

    def _with(self, means: Tensor, variances: Tensor) -> "Mixture":
        """Other components of the same weights, which are normalised once for both."""
        other = Mixture(self.logits, means, variances)
        if "_normalised" in self.__dict__:
            other.__dict__["_normalised"] = self._normalised
        return other

    def log_prob(self, x: Tensor) -> Tensor:
        """The log density of x (B, *event) in nats, (B,)."""
        scale = (2 * self.variances).rsqrt()
        return sum_event(self._log_density((x[..., None] - self.means) * scale, scale))

    def _log_density(self, r: Tensor, scale: Tensor) -> Tensor:
        """log sum_k pi_k scale_k exp(-r_k^2) / sqrt(pi), (B, *event), scale = 1 / sqrt(2 s^2)."""
        logits, outside = self.logits, self._normalised[0] + _HALF_LOG_PI
        if scale.shape[-1:].numel() == 1:  # of all components
            outside = outside - scale.log().squeeze(-1)
        else:
            logits = logits + scale.log()
        return logsumexp_and_softmax(minus_square(logits, r))[0] - outside

    def sample(self, noise: Tensor) -> Tensor:
        """Draw a sample from white noise (B, *event): u = Phi(noise) picks the component and the value in it.

        With C_k the cumulative weights and C_{k-1} <= u < C_k, (u - C_{k-1}) / pi_k is uniform whatever k is.
        """
        u = torch.special.ndtr(noise.double())
        weights = torch.softmax(self.logits.double(), dim=-1)
        cumulative = weights.cumsum(-1)
        k = (u[..., None] >= cumulative[..., :-1]).sum(-1, keepdim=True)
        weight, end = weights.gather(-1, k)[..., 0], cumulative.gather(-1, k)[..., 0]
        inside = ((u - end + weight) / weight).clamp(_EDGE, 1 - _EDGE)
        mean, variance = (value.expand_as(self.logits).gather(-1, k)[..., 0] for value in (self.means, self.variances))
        return mean + variance.sqrt() * torch.special.ndtri(inside).to(mean)

    def kl_from(self, q: Gaussian, noise: Tensor) -> Tensor:
        """KL(q || self) in nats, (B,): an unbiased draw of E_q[log q - log self] from white noise (B, *event).

        Taken at the antithetic pair mean +- std noise, where the terms that are odd in the noise cancel. q must have
        the event's own coordinates.
        """
        scale = (2 * self.variances).rsqrt()
        r, n = (q.mean[..., None] - self.means) * scale, (q.std * noise)[..., None] * scale
        log_p = (self._log_density(r + n, scale) + self._log_density(r - n, scale)) / 2
        return sum_event(-0.5 * noise**2 - q.std.log() - log_p - _HALF_LOG_2_PI)


_EDGE = 1e-12  # 7 standard deviations
