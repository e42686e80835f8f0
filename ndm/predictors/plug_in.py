"""The paper's predictor: predict x, and follow its path."""

from typing import Any

from torch import Tensor

from ndm.curve import Curve
from ndm.nn.build import network_for
from ndm.nn.network import Network
from ndm.predictors.form_names import form_for
from ndm.predictors.forms import Form, ScaledForm
from ndm.predictors.predictor import Predictor
from ndm.schedules import Level
from ndm.transforms import Transform


class PlugInPredictor(Predictor):
    """f^(u) = F(x^(z_t, t), u): the curve of a predicted point.

    Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.

    Args:
        network: (z, t, cond) -> (B, form.num_outputs, *event).
        form: what its outputs mean.
    """

    def __init__(self, network: Network, form: Form | None = None) -> None:
        super().__init__()
        self.network = network
        self.form = form or ScaledForm()

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], transform: Transform, num_levels: int | None = None,
                   num_classes: int = 0, form: str = "scaled",
                   form_options: dict[str, Any] | None = None, **options: Any) -> "PlugInPredictor":
        chosen = form_for(form, event_shape, num_levels, form_options)
        return cls(network_for(event_shape, chosen.num_outputs, num_classes, **options), chosen)

    def initialise(self, x: Tensor) -> None:
        self.form.initialise(x)

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: Level, transform: Transform) -> Curve:
        outputs = self.network(self.form.network_input(z_t, level), t, cond).to(z_t.dtype)
        return transform.curve(self.form.x_hat(z_t, outputs, level), cond)
