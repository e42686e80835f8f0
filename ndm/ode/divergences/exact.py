"""The exact divergence."""

import math

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.noise import Noise
from ndm.ode.divergences.divergence import Divergence

_MOST_DIMENSIONS = 4096  # each costs a backward pass for every evaluation
# each costs a backward pass for every evaluation


class Exact(Divergence):
    """The exact divergence, sum_i dv_i / dz_i, in d backward passes: probes are the unit vectors.

    Raises:
        InputError: beyond 4096 dimensions.
    """

    name = "exact"

    def check(self, event_shape: tuple[int, ...]) -> None:
        size = math.prod(event_shape)
        if size > _MOST_DIMENSIONS:
            raise InputError(
                f"an exact divergence in {size} dimensions, {size} backward passes for each of the hundred or "
                "so evaluations of an example",
                f"at most {_MOST_DIMENSIONS} dimensions",
                "use divergence=hutchinson, one backward pass for each probe",
            )

    def probes(self, noise: Noise, like: Tensor) -> Tensor:
        self.check(like.shape[1:])
        size = like[0].numel()
        units = torch.eye(size, dtype=like.dtype, device=like.device).reshape(size, *like.shape[1:])
        return units[None]

    def apart(self) -> list[Divergence]:
        return [self]

    def collect(self, forms: Tensor) -> Tensor:
        return forms.sum(1, keepdim=True)
