"""The Gaussian decoder, for real-valued data."""

import math

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.ranges import check_number
from ndm.base.shapes import like_event, sum_event
from ndm.parts.decoders.decoder import Decoder
from ndm.parts.schedules import NoiseLevel


class GaussianDecoder(Decoder):
    """A Gaussian decoder, p(x | z_0) = N(x; loc + scale z_0 / alpha_0, (scale sigma_0 / alpha_0)^2 I).

    Its reconstruction term is exact: d/2 (1 + log(2 pi sigma_0^2 / alpha_0^2)) + sum_i log scale_i.

    Args:
        loc, scale: numbers, or one for each dimension (event), by which the model sees (x - loc) / scale. The bound
            stays that of x itself.
    """

    def __init__(self, loc: float | Tensor | tuple = 0.0, scale: float | Tensor | tuple = 1.0) -> None:
        super().__init__()
        for name, value in (("loc", loc), ("scale", scale)):
            if isinstance(value, int | float):
                check_number(name, value)
        self.loc: Tensor
        self.scale: Tensor
        self.register_constant("loc", torch.as_tensor(loc, dtype=torch.float64))
        self.register_constant("scale", torch.as_tensor(scale, dtype=torch.float64))
        if not (torch.isfinite(self.loc).all() and torch.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise InputError(
                "a decoder's loc or scale that is not finite or not positive",
                "a finite loc and a scale > 0",
                "is a column of the data constant?",
            )

    def check(self, x: Tensor) -> None:
        super().check(x)
        event, own = tuple(x.shape[1:]), tuple(torch.broadcast_shapes(self.loc.shape, self.scale.shape))
        sizes = zip(own[::-1], event[::-1], strict=False)
        if len(own) > len(event) or any(mine not in (1, size) for mine, size in sizes):
            raise InputError(f"events of shape {event}", f"shape {own}, as the model was trained on")

    def standardise(self, x: Tensor) -> Tensor:
        return (x - self.loc) / self.scale

    def destandardise(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def log_scale(self, x: Tensor) -> Tensor:
        """sum_i log scale_i, the log-determinant of `destandardise`, ()."""
        return self.scale.log().expand(x.shape[1:]).sum()

    def log_prob(self, x: Tensor, z_0: Tensor, level: NoiseLevel) -> Tensor:
        alpha, sigma, gamma = (like_event(value, x) for value in (level.alpha, level.sigma, level.gamma))
        standardised = (alpha * self.standardise(x) - z_0) / sigma
        return -sum_event(0.5 * standardised**2 + 0.5 * (math.log(2 * math.pi) + gamma)) - self.log_scale(x)

    def reconstruction(self, x: Tensor, level: NoiseLevel, noise: Tensor) -> Tensor:
        dimension = x[0].numel()
        exact = 0.5 * dimension * (1 + math.log(2 * math.pi) + level.gamma) + self.log_scale(x)
        return exact.expand(len(x))

    def sample(self, z_0: Tensor, level: NoiseLevel, uniform: Tensor) -> Tensor:
        noise = math.sqrt(2) * torch.erfinv(2 * uniform - 1)
        return self.destandardise((z_0 + like_event(level.sigma, z_0) * noise) / like_event(level.alpha, z_0))
