"""The interface of a layer: a network of an event without time."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part


class Layer(Part, ABC):
    """x (B, *event_shape), cond as a `Network` takes it, or None -> (B, num_outputs, *event_shape).

    Its outputs are the h_k of F = x + sum_k b_k h_k.

    A fresh layer is exactly 0. A subclass is one file in `ndm/nn/layers`, with a constructor of `event_shape`,
    `num_outputs`, `num_classes`, `num_values` and its own options.
    """

    @abstractmethod
    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """Compute h, (B, num_outputs, *event_shape)."""
