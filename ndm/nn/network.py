"""The interface of a network: an event and its time in, one or more events out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor, nn

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.precision import check_tensors
from ndm.base.ranges import check_count, check_shape

Layer = TypeVar("Layer", bound=nn.Module)


class Network(Part, ABC):
    """x (B, *event_shape), t (B,) in [0, 1], cond or None -> (B, num_outputs, *event_shape).

    cond is a label for each example, (B,), where num_classes is not 0, and real values (B, num_values) where that is
    not 0.

    Every head has the shape of an event. The heads of a fresh network are exactly 0, so that what is built on
    it starts from a known function. A network must have forward derivatives, in t above all, which can be
    differentiated again: `torch.func.jvp`, then `backward`; the layers of `ndm.autodiff.layers` have cheap ones. A
    subclass is one file in `ndm/nn/networks`, with a constructor of `event_shape`, `num_outputs`, `num_classes`,
    `num_values` and its own options, and a method `heads`.
    """

    def __init__(self, event_shape: Sequence[int], num_outputs: int, num_classes: int, num_values: int = 0) -> None:
        super().__init__()
        self.event_shape = check_shape(event_shape)
        check_count("num_outputs", num_outputs, 1)
        self.num_outputs = num_outputs
        self.num_classes, self.num_values = num_classes, num_values

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """Check the shapes of x, t and cond, and compute the heads; raises `InputError` for other shapes."""
        check_events(x, self.event_shape)
        check_tensors(t=t)
        if t.shape != x.shape[:1]:
            raise InputError(
                f"t of shape {tuple(t.shape)}",
                f"one time per example, ({len(x)},)",
                "expand a single time to the batch",
            )
        return self.heads(x, t, cond)

    def with_few_times(self, t: Tensor, few: Tensor, index: Tensor) -> "Network":
        """This network where t = few[index], (B,): what depends on time alone may be computed for the few alone."""
        return self

    @abstractmethod
    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        """Compute the heads for inputs whose shapes are checked."""


def check_events(x: Tensor, event_shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless x is a batch of events, (B, *event_shape)."""
    check_tensors(x=x)
    if x.shape[1:] != event_shape:
        raise InputError(
            f"a batch of shape {tuple(x.shape)}",
            f"(B, {', '.join(map(str, event_shape))})",
            "the network was made for events of this shape",
        )


def zero_init(layer: Layer) -> Layer:
    """Set weight and bias of a layer to 0 and return it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
