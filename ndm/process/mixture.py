"""Mixtures of Gaussians, independent across the dimensions of an event: posteriors of x, and steps made of them."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ndm.base.shapes import sum_event
from ndm.process.gaussian import Gaussian

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Mixture:
    """A mixture for each dimension, prod_i sum_k pi_ik N(mu_ik, s_ik^2); s = 0 is a point, which has no density.

    Args:
        log_weights: log pi, normalised over the last axis.
        means: mu.
        variances: s^2.
    """

    log_weights: Tensor  # (B, *event, K)
    means: Tensor  # broadcasts against (B, *event, K)
    variances: Tensor  # broadcasts against (B, *event, K)

    @classmethod
    def point(cls, x: Tensor) -> "Mixture":
        """The mixture that has all its weight on x (B, *event)."""
        zero = torch.zeros_like(x)[..., None]
        return cls(zero, x[..., None], zero)

    @cached_property
    def mean(self) -> Tensor:
        """The mean, sum_k pi_k mu_k, (B, *event)."""
        return (self.log_weights.exp() * self.means).sum(-1)

    @property
    def variance(self) -> Tensor:
        """The variance, sum_k pi_k [ s_k^2 + (mu_k - mean)^2 ], (B, *event)."""
        deviation = self.means - self.mean[..., None]
        return (self.log_weights.exp() * (self.variances + deviation**2)).sum(-1)

    def affine(self, gain: Tensor, offset: Tensor) -> "Mixture":
        """The distribution of gain x + offset, each broadcasting against (B, *event)."""
        gain = gain[..., None]
        return Mixture(self.log_weights, gain * self.means + offset[..., None], gain**2 * self.variances)

    def blurred(self, variance: Tensor) -> "Mixture":
        """The distribution of x + n, n ~ N(0, variance)."""
        return Mixture(self.log_weights, self.means, self.variances + variance[..., None])

    def log_prob(self, x: Tensor) -> Tensor:
        """The log density of x (B, *event) in nats, (B,)."""
        squared = (x[..., None] - self.means) ** 2 / self.variances
        log_probs = torch.logsumexp(self.log_weights - 0.5 * (squared + self.variances.log()), dim=-1)
        return sum_event(log_probs - _HALF_LOG_2_PI)

    def sample(self, noise: Tensor) -> Tensor:
        """Draw a sample from white noise (B, *event): u = Phi(noise) picks the component and the value in it.

        With C_k the cumulative weights and C_{k-1} <= u < C_k, (u - C_{k-1}) / pi_k is uniform whatever k is.
        """
        u = torch.special.ndtr(noise.double())
        weights = torch.softmax(self.log_weights.double(), dim=-1)
        cumulative = weights.cumsum(-1)
        k = (u[..., None] >= cumulative[..., :-1]).sum(-1, keepdim=True)
        weight, end = weights.gather(-1, k)[..., 0], cumulative.gather(-1, k)[..., 0]
        inside = ((u - end + weight) / weight).clamp(_EDGE, 1 - _EDGE)
        mean, variance = (
            value.expand_as(self.log_weights).gather(-1, k)[..., 0] for value in (self.means, self.variances)
        )
        return mean + variance.sqrt() * torch.special.ndtri(inside).to(mean)

    def kl_from(self, q: Gaussian, noise: Tensor) -> Tensor:
        """KL(q || self) in nats, (B,): an unbiased draw of E_q[log q - log self] from white noise (B, *event).

        Taken at the antithetic pair mean +- std noise, where the terms that are odd in the noise cancel. q must have
        the event's own coordinates.
        """
        # The exponents -(delta + n)^2 / 2 s^2 and -(delta - n)^2 / 2 s^2 share their even part.
        delta, n = q.mean[..., None] - self.means, (q.std * noise)[..., None]
        even = self.log_weights - 0.5 * ((delta**2 + n**2) / self.variances + self.variances.log())
        odd = delta * (n / self.variances)
        log_p = (torch.logsumexp(even - odd, dim=-1) + torch.logsumexp(even + odd, dim=-1)) / 2
        return sum_event(-0.5 * noise**2 - q.std.log() - log_p)


_EDGE = 1e-12  # 7 standard deviations
