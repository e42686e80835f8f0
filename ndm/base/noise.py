"""Noise that belongs to an example: it does not depend on the batch of the example, or on the process."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.base.seeds import mix


def check_generator(generator: Any) -> None:
    """Raise `InputError` for a generator that is not PyTorch's; None stands for its global one."""
    if not isinstance(generator, torch.Generator | None):
        raise InputError(
            f"{a(generator)} for generator",
            "a torch.Generator",
            "make one: torch.Generator().manual_seed(0)",
        )


def seed_device(seed: int, device: torch.device) -> None:
    """Seed the global generators of the CPU and of `device`: `torch.manual_seed` visits every kind of device."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


@dataclass(frozen=True)
class BatchSlice:
    """The rows `first` .. `first + number - 1` of a batch of `total` examples that is computed in slices.

    A slice draws the noise of the whole batch and takes its rows of it: results do not depend on how the batch is
    divided.
    """

    first: int
    number: int
    total: int

    def take(self, whole: Tensor) -> Tensor:
        """Take the rows of the slice from those of the whole batch."""
        return whole[self.first : self.first + self.number]

    def normal(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw N(0, 1) for the examples `like` (B, *event), of their type and on their device."""
        whole = torch.randn((self.total, *like.shape[1:]), dtype=like.dtype, device=like.device, generator=generator)
        return self.take(whole)


class Noise:
    """Standard normal and uniform numbers for a batch of events, one generator for each example.

    The generators run on the CPU and draw float32, so that a seed means the same numbers on every device and in every
    precision: from 16 numbers on PyTorch fills float32 and float64 by other algorithms.

    Args:
        seeds: one for each example.
        event_shape: shape of one event.
        like: a tensor of the type and on the device that is wanted.
    """

    def __init__(self, seeds: list[int], event_shape: tuple[int, ...], like: Tensor) -> None:
        self.event_shape, self.like = event_shape, like
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal(self) -> Tensor:
        """Draw N(0, 1), (B, *event)."""
        return self._stack(torch.randn).to(self.like)

    def signs(self) -> Tensor:
        """Draw +-1 with equal probability, (B, *event)."""
        normal = self.normal()
        return torch.ones_like(normal).copysign(normal)  # one number of 2^24 is exactly 0, and has no sign

    def uniform(self) -> Tensor:
        """Draw U(0, 1), the ends excluded, (B, *event)."""
        u = self._stack(torch.rand).clamp(1e-7, 1 - 1e-7).to(self.like)
        return u.clamp(max=1 - torch.finfo(u.dtype).eps / 2)  # where less precision rounds to 1

    def _stack(self, draw) -> Tensor:
        return torch.stack([draw(self.event_shape, generator=g, dtype=torch.float32) for g in self.generators])


def sample_noise(seed: int, first: int, shape: tuple[int, ...], like: Tensor) -> Noise:
    """Noise of the samples `first`, `first + 1`, ..., shape (B, *event): a function of the seed and the number."""
    return Noise([mix(seed, first + i) for i in range(shape[0])], tuple(shape[1:]), like)


def example_noise(seed: int, x: Tensor) -> Noise:
    """Noise of data x (B, *event): a function of the seed and of the values of the example, not of its place."""
    return Noise([mix(seed, digest) for digest in _digests(x)], tuple(x.shape[1:]), x)


def noise_owners(x: Tensor) -> Tensor:
    """Number the examples of x (N, *event) so that those with the same `example_noise` have the same number."""
    return torch.from_numpy(np.array(_digests(x), dtype=np.uint64).view(np.int64))


def _digests(x: Tensor) -> list[int]:
    """Hash each example to 64 bits, by its values in float32."""
    rows = (x.detach().cpu().float().flatten(1) + 0.0).numpy()  # -0.0 is 0.0
    return [int.from_bytes(hashlib.sha256(row.tobytes()).digest()[:8], "little") for row in rows]
