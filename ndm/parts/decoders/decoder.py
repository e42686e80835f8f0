"""The interface of a decoder: p(x | z_0), the data given the least noisy latent."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ndm.base.part import Part
from ndm.base.precision import check_numbers
from ndm.base.shapes import like_event
from ndm.parts.schedules import NoiseLevel


class Decoder(Part, ABC):
    """A decoder p(x | z_0), and the coordinates in which the model sees the data: `standardise` and its inverse."""

    def from_raw(self, x: ArrayLike) -> Tensor:
        """Convert examples as they are stored to the floating point data that the model takes, on the CPU."""
        return torch.from_numpy(np.ascontiguousarray(x)).float()

    def to_raw(self, x: Tensor) -> np.ndarray:
        """Convert data back to the form in which they are stored, the inverse of `from_raw`."""
        return x.float().cpu().numpy()

    def standardise(self, x: Tensor) -> Tensor:
        """Convert data to the coordinates of the model, of about unit scale, (B, *event)."""
        return x

    def destandardise(self, x: Tensor) -> Tensor:
        """Convert from the coordinates of the model to data, the inverse of `standardise`."""
        return x

    def log_scale(self, x: Tensor) -> Tensor:
        """The log-determinant of `destandardise` for events like those of x (B, *event), ()."""
        return x.new_zeros(())

    @abstractmethod
    def log_prob(self, x: Tensor, z_0: Tensor, level: NoiseLevel) -> Tensor:
        """Compute log p(x | z_0) in nats, (B,), for data x, (B, *event), and the noise level at t = 0."""

    @abstractmethod
    def sample(self, z_0: Tensor, level: NoiseLevel, uniform: Tensor) -> Tensor:
        """Draw x ~ p(x | z_0), (B, *event), from numbers `uniform` in (0, 1), (B, *event)."""

    def reconstruction(self, x: Tensor, level: NoiseLevel, noise: Tensor) -> Tensor:
        """Compute L_rec = E[-log p(x | z_0)] in nats, (B,); by default from one sample with `noise` (B, *event)."""
        z_0 = like_event(level.alpha, x) * self.standardise(x) + like_event(level.sigma, x) * noise
        return -self.log_prob(x, z_0, level)

    def check(self, x: Tensor) -> None:
        """Raise `InputError` for data that this decoder cannot describe."""
        check_numbers(x, "data")
