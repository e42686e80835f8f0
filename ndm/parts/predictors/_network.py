"""Predictors that are a network and the meaning of its outputs."""

from typing import Any, Self

from torch import Tensor

from ndm.autodiff.derivative import require_gradient
from ndm.base.errors import InputError
from ndm.nn.network import Network
from ndm.nn.network_for import network_for
from ndm.parts.parameterisations.names import form_for
from ndm.parts.parameterisations.parameterisation import Form, ScaledForm
from ndm.parts.predictors.predictor import Predictor
from ndm.parts.schedules import Level
from ndm.parts.transforms import Transform
from ndm.process.mixture import Mixture


class NetworkPredictor(Predictor):
    """A curve from the outputs of a network (z, t, cond) -> (B, form.num_outputs + num_heads, *event).

    Args:
        network: the network.
        form: what its first outputs mean; the scaled form if not given.

    Raises:
        InputError: when it predicts, for a network with another number of outputs than the form and the heads need.
    """

    def __init__(self, network: Network, form: Form | None = None) -> None:
        super().__init__()
        if not isinstance(form, Form | None):
            raise InputError(
                f"a form that is a {type(form).__name__}",
                "one of ndm.parts.parameterisations.parameterisation",
                "leave it out for the scaled form; the transformation is the model's",
            )
        self.network = network
        self.form = form or ScaledForm()

    @staticmethod
    def num_heads(transform: Transform) -> int:
        """How many events the network predicts beside x^."""
        return 0

    @classmethod
    def for_events(
        cls,
        event_shape: tuple[int, ...],
        transform: Transform,
        num_levels: int | None = None,
        num_classes: int = 0,
        form: str = "scaled",
        form_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        chosen = form_for(form, event_shape, num_levels, form_options)
        num_outputs = chosen.num_outputs + cls.num_heads(transform)
        return cls(network_for(event_shape, num_outputs, num_classes, **options), chosen)

    def initialise(self, x: Tensor) -> None:
        self.form.initialise(x)

    def predict(
        self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: Level, transform: Transform
    ) -> tuple[Mixture, Tensor]:
        """What is believed of x (B, *event), and the heads (B, num_heads, *event).

        `level` is the schedule's, which the transformation may show the network otherwise.
        """
        level = transform.seen(level, t)
        seen = self.form.network_input(z_t, level)
        outputs = self.network(seen, t, cond).to(z_t.dtype)
        require_gradient(lambda x: self.network(x, t, cond).to(z_t.dtype), seen, outputs)
        own, others = self.form.num_outputs, self.num_heads(transform)
        if outputs.shape[1] != own + others:
            raise InputError(
                f"a network of {outputs.shape[1]} outputs",
                f"{own + others}: {own} of {type(self.form).__name__} for x^, and {others} heads of "
                f"{type(transform).__name__}",
                f"make it with num_outputs={own + others}",
            )
        return self.form.belief(z_t, outputs[:, :own], level), outputs[:, own:]
