"""Predict the curve itself (the default)."""

from torch import Tensor

from ndm.base.axes import PREDICTORS
from ndm.base.errors import Advice, InputError
from ndm.parts.predictors._network import NetworkPredictor
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve, Posterior


class DirectPredictor(NetworkPredictor):
    """Predicts the curve by heads of the network: for `SeriesTransform` f^(u) = x^ + sum_k b_k(u) h^_k.

    F(x^, .) is never evaluated, so that sampling costs what it costs without F, and f^ can be E[F(x, .) | z_t]. The
    bound at one eta sees one combination of the heads only (in continuous time (1 + eta)/2 dF - dF'/gamma'), so that
    the curve is right for that eta; sample with the volatility that was trained.
    """

    has_posterior = True

    @staticmethod
    def num_heads(transform: Transform) -> int:
        """The number of heads of the transform's curves; raises `InputError` where they have none."""
        if transform.num_heads is None:
            raise InputError(
                f"a direct predictor for {type(transform).__name__}",
                "a transformation that a network can predict by heads",
                Advice.of("choose {}", PREDICTORS.setting("plug_in")),
            )
        return transform.num_heads

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        posterior, heads = self.predict(z_t, t, cond, level, transform)
        curve = transform.curve_from_heads(posterior.mean, heads, t)
        curve.posterior = Posterior(posterior, transform.response(curve, z_t))
        return curve
