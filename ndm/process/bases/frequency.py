"""The basis of spatial frequencies of an image or a signal (DCT)."""

import math

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.precision import matmul
from ndm.base.ranges import check_count
from ndm.base.spec import Spec
from ndm.process.bases.basis import Basis


class CosineBasis(Basis):
    """The orthonormal two-dimensional DCT-II over the last two axes: the frequencies of an image.

    C[k, n] = sqrt((2 - [k = 0]) / N) cos(pi (n + 1/2) k / N),  B x = C_H x C_W^T. Of height 1 it is the DCT over the
    last axis alone, of signals.
    Source: Ahmed, Natarajan, Rao, Discrete Cosine Transform (1974), https://doi.org/10.1109/T-C.1974.223784.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        check_count("height", height, 1)
        check_count("width", width, 1)
        self.height, self.width = height, width
        self.rows: Tensor
        self.columns: Tensor
        self.register_constant("rows", _cosine_matrix(height))
        self.register_constant("columns", _cosine_matrix(width))

    @classmethod
    def made_for(cls, spec: Spec) -> "CosineBasis":
        if len(spec.event_shape) < 2:
            raise InputError(
                f"frequencies of events of shape {tuple(spec.event_shape)}", "images", "use the pixel basis"
            )
        return cls(*spec.event_shape[-2:])

    def frequencies(self) -> Tensor:
        """The eigenvalues of minus the Laplacian, (pi k / H)^2 + (pi l / W)^2, (H, W), on a grid of unit spacing."""
        k = torch.arange(self.height, dtype=self.rows.dtype, device=self.rows.device)
        m = torch.arange(self.width, dtype=self.rows.dtype, device=self.rows.device)
        return (math.pi * k[:, None] / self.height) ** 2 + (math.pi * m / self.width) ** 2

    def forward(self, x: Tensor) -> Tensor:
        along_rows = matmul(x, self.columns.mT)
        return along_rows if self.height == 1 else matmul(self.rows, along_rows)

    def inverse(self, coordinates: Tensor) -> Tensor:
        along_rows = matmul(coordinates, self.columns)
        return along_rows if self.height == 1 else matmul(self.rows.mT, along_rows)


def _cosine_matrix(size: int) -> Tensor:
    """The matrix C of the DCT of that size, in float64."""
    n = torch.arange(size, dtype=torch.float64)
    matrix = math.sqrt(2 / size) * torch.cos(math.pi / size * (n + 0.5) * n[:, None])
    matrix[0] /= math.sqrt(2)
    return matrix
