"""The paper's predictor: predict x, and follow its path."""

from typing import Any

from torch import Tensor

from ndm.curve import Curve
from ndm.nn.build import network_for
from ndm.nn.network import Network
from ndm.predictors.forms import FORMS, Form, ScaledForm
from ndm.predictors.predictor import Predictor
from ndm.registry import choose
from ndm.schedules import Level
from ndm.transforms import Transform


class PlugInPredictor(Predictor):
    """f^(u) = F(x^(z_t, t), u): the curve of a predicted point.

    Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.

    Args:
        network: (z, t, cond) -> (B, 1, *event).
        form: what its output means.
    """

    def __init__(self, network: Network, form: Form | None = None) -> None:
        super().__init__()
        self.network = network
        self.form = form or ScaledForm()

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], transform: Transform, num_classes: int = 0,
                   form: str = "scaled", **options: Any) -> "PlugInPredictor":
        return cls(network_for(event_shape, 1, num_classes, **options), choose("form", form, FORMS)())

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: Level, transform: Transform) -> Curve:
        output = self.network(self.form.scale_input(z_t, level), t, cond).to(z_t.dtype)
        return transform.curve(self.form.x_hat(z_t, output[:, 0], level), cond)
