"""What a basis is: orthogonal coordinates of an event.

White noise is white in every orthogonal basis, so a process may be run, coordinate by coordinate, in any of them.
"""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part


class Basis(Part, ABC):
    """An orthogonal matrix B on events: `forward` gives the coordinates B x, `inverse` gives B^T c."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """B x, (B, *event) -> (B, *event)."""

    @abstractmethod
    def inverse(self, coordinates: Tensor) -> Tensor:
        """B^T c, (B, *event) -> (B, *event)."""

    def scale(self, weights: Tensor, x: Tensor) -> Tensor:
        """B^T diag(weights) B x."""
        return self.inverse(weights * self(x))
