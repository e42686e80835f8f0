"""The interface of a layer: a network of an event without time."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part


class Layer(Part, ABC):
    """A network of an event without time: the h_k of F(x, t) = x + sum_k b_k(t) h_k(x).

    x (B, *event_shape), labels cond (B,) or None -> (B, num_outputs, *event_shape). A fresh layer is exactly 0. A
    subclass is one file in `ndm/nn/layers`, with a constructor of `event_shape`, `num_outputs`, `num_classes` and its
    options.
    """

    @abstractmethod
    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """Compute h, (B, num_outputs, *event_shape)."""
