"""A perceptron with one hidden layer."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ndm.base.axes import ACTIVATIONS
from ndm.base.ranges import check_count, check_shape
from ndm.base.spec import Spec
from ndm.nn.activations import Activation, SiLUActivation
from ndm.nn.embeddings import condition_embedding
from ndm.nn.layers.layer import Layer
from ndm.nn.network import check_events, zero_init


class HiddenLayer(Layer):
    """h(x) = W_2 f(W_1 x + b_1 + condition) + b_2, flattened: x (B, *event_shape) -> (B, num_outputs, *event_shape).

    The h_k of a transform on a basis of time, F(x, t) = x + sum_k b_k(t) h_k(x): the time is in the b_k, so this
    is no `Network` and takes none, and one evaluation serves every t. f is SiLU if no activation is given; with
    `NoActivation` h is linear, a matrix of rank `width`. A fresh layer is exactly 0: F starts as the identity.
    Raises `InputError` for batches of another shape, and for a condition that it was not made for.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        num_outputs: int = 1,
        width: int = 128,
        num_classes: int = 0,
        activation: Activation | None = None,
        num_values: int = 0,
    ) -> None:
        super().__init__()
        check_count("width", width, 1)
        check_count("num_outputs", num_outputs, 1)
        self.event_shape = check_shape(event_shape)
        self.num_outputs = num_outputs
        self.num_classes, self.num_values = num_classes, num_values
        self.activation = activation or SiLUActivation()
        size = math.prod(self.event_shape)
        self.enter = nn.Linear(size, width)
        self.condition = condition_embedding(num_classes, num_values, width)
        self.leave = zero_init(nn.Linear(width, num_outputs * size))

    @classmethod
    def made_for(
        cls,
        spec: Spec,
        num_outputs: int = 1,
        width: int = 128,
        activation: str = "silu",
        activation_options: dict[str, Any] | None = None,
    ) -> "HiddenLayer":
        """Make the layer with the activation of that name."""
        chosen = ACTIVATIONS.make(activation, spec, activation_options)
        return cls(spec.event_shape, num_outputs, width, spec.num_classes, chosen, spec.num_values)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """x (B, *event_shape), cond as a `Network` takes it, or None -> (B, num_outputs, *event_shape)."""
        check_events(x, self.event_shape)
        h = self.activation(self.enter(x.flatten(1)) + self.condition(cond, x.shape[0]))
        return self.leave(h).unflatten(1, (self.num_outputs, *self.event_shape))
