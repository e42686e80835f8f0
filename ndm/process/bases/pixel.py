"""The event's own coordinates."""

from torch import Tensor

from ndm.process.bases.basis import Basis


class StandardBasis(Basis):
    """B = I: the event's own coordinates (pixels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def inverse(self, coordinates: Tensor) -> Tensor:
        return coordinates
