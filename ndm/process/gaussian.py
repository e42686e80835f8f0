"""Gaussians whose covariance is diagonal in an orthogonal basis."""

import math
from dataclasses import dataclass

from torch import Tensor

from ndm.base.shapes import sum_event
from ndm.process.bases import Basis, StandardBasis

_STANDARD = StandardBasis()


@dataclass(frozen=True)
class Gaussian:
    """N(mean, B^T diag(std^2) B): independent coordinates in the orthogonal basis B.

    Args:
        mean: (B, *event).
        std: broadcasts against the event's coordinates in `basis`.
        basis: B; the event's own coordinates if not given.
    """

    mean: Tensor  # (B, *event)
    std: Tensor  # broadcasts against (B, *event)
    basis: Basis = _STANDARD

    def sample(self, noise: Tensor) -> Tensor:
        """Draw a sample, mean + B^T (std * noise), from white noise (B, *event)."""
        return self.mean + self.basis.inverse(self.std * noise)

    def log_prob(self, x: Tensor) -> Tensor:
        """The log density of x (B, *event) in nats, (B,)."""
        standardised = self.basis(x - self.mean) / self.std
        return -sum_event(0.5 * standardised**2 + self.std.log() + 0.5 * math.log(2 * math.pi))

    def kl_from(self, q: "Gaussian", noise: Tensor) -> Tensor:
        """KL(q || self) in nats, (B,): exact; `noise` is not used, and is there for `Mixture.kl_from`."""
        return q.kl(self)

    def kl(self, other: "Gaussian") -> Tensor:
        """KL(self || other) = 1/2 sum_i [ r_i - 1 - log r_i + (mean difference)_i^2 / std'_i^2 ] in nats, (B,).

        r_i = std_i^2 / std'_i^2. Both must have the same basis.
        """
        ratio = (self.std / other.std) ** 2
        difference = self.basis(self.mean - other.mean) / other.std
        return 0.5 * sum_event(ratio - 1 - ratio.log() + difference**2)
