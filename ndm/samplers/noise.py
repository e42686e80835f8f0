"""Noise that belongs to a sample: sample i is a function of the seed and i, not of the batch it is drawn in."""

import torch
from torch import Tensor

from ndm.seeds import mix


class SampleNoise:
    """Standard normal and uniform numbers for samples `first`, `first + 1`, ..., one generator each.

    The generators run on the CPU, so that a seed means the same samples on every device.
    """

    def __init__(self, seed: int, first: int, shape: tuple[int, ...], like: Tensor) -> None:
        self.event_shape, self.like = shape[1:], like
        self.generators = [torch.Generator().manual_seed(mix(seed, first + i)) for i in range(shape[0])]

    def normal(self) -> Tensor:
        """(B, *event) of N(0, 1)."""
        return self._stack(torch.randn)

    def uniform(self) -> Tensor:
        """(B, *event) of U(0, 1), the ends excluded."""
        return self._stack(torch.rand).clamp(1e-7, 1 - 1e-7)

    def _stack(self, draw) -> Tensor:
        rows = [draw(self.event_shape, generator=g, dtype=self.like.dtype) for g in self.generators]
        return torch.stack(rows).to(self.like.device)
