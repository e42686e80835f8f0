"""Predictors made of a network and a parameterisation of its outputs."""

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor

from ndm.autodiff.derivative import require_gradient
from ndm.base.axes import NETWORKS, PARAMETERISATIONS
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.nn.network import Network
from ndm.nn.network_for import network_for
from ndm.parts.parameterisations import Parameterisation, ScaledParameterisation
from ndm.parts.predictors.predictor import Predictor
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform
from ndm.process.mixture import Mixture


class NetworkPredictor(Predictor):
    """Makes a curve from the outputs of a network, (B, parameterisation.num_outputs + num_heads, *event).

    Args:
        network: the network.
        parameterisation: what its first outputs mean; the scaled parameterisation if not given.

    Raises:
        InputError: when the model is made, for a network with another number of outputs than the parameterisation and
            the heads need.
    """

    def __init__(self, network: Network, parameterisation: Parameterisation | None = None) -> None:
        super().__init__()
        self.network = network
        self.parameterisation = parameterisation or ScaledParameterisation()

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        own, others = self.parameterisation.num_outputs, self.num_heads(transform := parts["transform"])
        if self.network.num_outputs != own + others:
            raise InputError(
                f"a network of {self.network.num_outputs} outputs",
                f"{own + others}: {own} of {type(self.parameterisation).__name__} for x^, and {others} heads of "
                f"{type(transform).__name__}",
                f"make it with num_outputs={own + others}",
            )

    @staticmethod
    def num_heads(transform: Transform) -> int:
        """The number of events that the network predicts besides x^."""
        return 0

    passes_on_to = NETWORKS

    @classmethod
    def made_for(
        cls,
        spec: Spec,
        transform: Transform,
        parameterisation: str = "scaled",
        parameterisation_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """`options` are those of the network."""
        chosen = PARAMETERISATIONS.make(parameterisation, spec, parameterisation_options)
        return cls(network_for(spec, chosen.num_outputs + cls.num_heads(transform), **options), chosen)

    def initialise(self, x: Tensor) -> None:
        self.parameterisation.initialise(x)

    def predict(
        self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform
    ) -> tuple[Mixture, Tensor]:
        """Compute the posterior of x (B, *event) and the heads (B, num_heads, *event).

        `level` is the schedule's, which the transformation may show the network otherwise.
        """
        level = transform.seen(level, t)
        seen = self.parameterisation.network_input(z_t, level)
        outputs = self.network(seen, t, cond).to(z_t.dtype)
        require_gradient(lambda x: self.network(x, t, cond).to(z_t.dtype), seen, outputs)
        own = self.parameterisation.num_outputs
        return self.parameterisation.posterior(z_t, outputs[:, :own], level), outputs[:, own:]
