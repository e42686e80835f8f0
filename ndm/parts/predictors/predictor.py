"""The interface of a predictor: (z_t, t) -> a curve."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve


class Predictor(Part, ABC):
    """Predicts the curve f^ of t -> F(x, t) from the latent z_t.

    Any curve made from (z_t, t) gives a valid model: p(z_s | z_t) is q(z_s | z_t, .) with f^ in place of F(x, .). The
    best one is E[F(x, .) | z_t], which plugging a point x^ into F does not reach unless F is linear.

    Attributes:
        has_posterior: whether its curves have a posterior of each dimension and not x^ alone: `Curve.posterior`.
    """

    has_posterior = False

    def initialise(self, x: Tensor) -> None:
        """Initialise parameters from the training data x (N, *event), in the model's coordinates."""

    @abstractmethod
    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        """Predict the curve, for z_t (B, *event), t (B,), and the noise level at t."""
