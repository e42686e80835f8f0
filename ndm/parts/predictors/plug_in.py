"""The paper's predictor: predict x, and plug it into F."""

from torch import Tensor

from ndm.parts.predictors._network import NetworkPredictor
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve


class PlugInPredictor(NetworkPredictor):
    """Plugs a predicted point into F: f^(u) = F(x^(z_t, t), u).

    Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.
    """

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        posterior, _ = self.predict(z_t, t, cond, level, transform)
        return transform.curve(posterior.mean, cond)
