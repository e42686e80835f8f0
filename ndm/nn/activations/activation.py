"""The interface of an activation: a function of each number."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part


class Activation(Part, ABC):
    """h -> f(h), elementwise. A subclass is one file in `ndm/nn/activations`."""

    @abstractmethod
    def forward(self, h: Tensor) -> Tensor:
        """Compute f(h), of the shape of h."""
