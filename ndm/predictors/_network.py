"""Predictors that are a network and the meaning of its outputs."""

from typing import Any, Self

from torch import Tensor

from ndm.mixture import Mixture
from ndm.nn.build import network_for
from ndm.nn.network import Network
from ndm.predictors.form_names import form_for
from ndm.predictors.forms import Form, ScaledForm
from ndm.predictors.predictor import Predictor
from ndm.schedules import Level
from ndm.transforms import Transform


class NetworkPredictor(Predictor):
    """A curve from the outputs of a network (z, t, cond) -> (B, form.num_outputs + num_heads, *event).

    Args:
        network: the network.
        form: what its first outputs mean; the scaled form if not given.
    """

    def __init__(self, network: Network, form: Form | None = None) -> None:
        super().__init__()
        self.network = network
        self.form = form or ScaledForm()

    @staticmethod
    def num_heads(transform: Transform) -> int:
        """How many events the network predicts beside x^."""
        return 0

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], transform: Transform, num_levels: int | None = None,
                   num_classes: int = 0, form: str = "scaled", form_options: dict[str, Any] | None = None,
                   **options: Any) -> Self:
        chosen = form_for(form, event_shape, num_levels, form_options)
        num_outputs = chosen.num_outputs + cls.num_heads(transform)
        return cls(network_for(event_shape, num_outputs, num_classes, **options), chosen)

    def initialise(self, x: Tensor) -> None:
        self.form.initialise(x)

    def predict(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: Level) -> tuple[Mixture, Tensor]:
        """What is believed of x (B, *event), and the heads (B, num_heads, *event)."""
        outputs = self.network(self.form.network_input(z_t, level), t, cond).to(z_t.dtype)
        own = self.form.num_outputs
        return self.form.belief(z_t, outputs[:, :own], level), outputs[:, own:]
