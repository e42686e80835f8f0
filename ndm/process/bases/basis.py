"""The interface of a basis: orthogonal coordinates of an event.

White noise is white in every orthogonal basis, so a process may be run, coordinate by coordinate, in any of them.
"""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part


class Basis(Part, ABC):
    """An orthogonal matrix B on events: `forward` gives the coordinates B x, `inverse` gives B^T c."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """The coordinates B x of x, (B, *event) -> (B, *event)."""

    @abstractmethod
    def inverse(self, coordinates: Tensor) -> Tensor:
        """The event B^T c of coordinates c, (B, *event) -> (B, *event)."""

    def scale(self, weights: Tensor, x: Tensor) -> Tensor:
        """Scale each coordinate of x, B^T diag(weights) B x."""
        return self.inverse(weights * self(x))
