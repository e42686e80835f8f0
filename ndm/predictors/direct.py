"""Our default predictor: predict the curve itself."""

from typing import Any

from torch import Tensor

from ndm.curve import Curve
from ndm.errors import InputError
from ndm.nn.build import network_for
from ndm.nn.network import Network
from ndm.predictors.form_names import form_for
from ndm.predictors.forms import Form, ScaledForm
from ndm.predictors.predictor import Predictor
from ndm.schedules import Level
from ndm.transforms import Transform


class DirectPredictor(Predictor):
    """f^ from the network's own heads: for the time basis f^(u) = x^ + sum_k b_k(u) h^_k.

    F(x^, .) is never evaluated, so that sampling costs what it costs without F, and f^ can be E[F(x, .) | z_t].

    Args:
        network: (z, t, cond) -> (B, form.num_outputs + num_heads, *event).
        form: what its first outputs mean; the others are the h^_k themselves.
    """

    def __init__(self, network: Network, form: Form | None = None) -> None:
        super().__init__()
        self.network = network
        self.form = form or ScaledForm()

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], transform: Transform, num_levels: int | None = None,
                   num_classes: int = 0, form: str = "scaled",
                   form_options: dict[str, Any] | None = None, **options: Any) -> "DirectPredictor":
        if transform.num_heads is None:
            raise InputError(f"a direct predictor for {type(transform).__name__}",
                             "a transformation that a network can predict by heads",
                             "use the plug-in predictor: --predictor plug_in")
        chosen = form_for(form, event_shape, num_levels, form_options)
        return cls(network_for(event_shape, chosen.num_outputs + transform.num_heads, num_classes, **options), chosen)

    def initialise(self, x: Tensor) -> None:
        self.form.initialise(x)

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: Level, transform: Transform) -> Curve:
        outputs = self.network(self.form.network_input(z_t, level), t, cond).to(z_t.dtype)
        own, heads = outputs.split([self.form.num_outputs, outputs.shape[1] - self.form.num_outputs], dim=1)
        return transform.curve_from_heads(self.form.x_hat(z_t, own, level), heads)
