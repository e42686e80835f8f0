"""The identity basis: the coordinates of the event, such as pixels."""

from torch import Tensor

from ndm.process.bases.basis import Basis


class StandardBasis(Basis):
    """The identity, B = I: the coordinates of the event, such as pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def inverse(self, coordinates: Tensor) -> Tensor:
        return coordinates
