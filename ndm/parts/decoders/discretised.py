"""Data with a finite number of levels: images of 8 bits, digits of 17 grey values."""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ndm.base.axes import DECODERS
from ndm.base.errors import Advice, InputError
from ndm.base.precision import check_tensors
from ndm.base.shapes import like_event, sum_event
from ndm.base.spec import Spec
from ndm.parts.decoders.decoder import Decoder
from ndm.parts.schedules import NoiseLevel

_NEGLIGIBLE = 40.0  # nats: exp(-40) is lost beside 1 in float64, too
_OFF = 5e-4  # of the distance of two levels, by which data may miss one
_OFF_AT_MOST = 0.25
_ROUNDING = 2 * torch.finfo(torch.float32).eps  # of data that were float32 once, by any formula
_APART = 8.0  # two levels, in units of eps: less, and numbers of that precision cannot tell them apart


class DiscretisedDecoder(Decoder):
    """p(x_i = v_k | z_0) proportional to N(z_0,i; alpha_0 v_k, sigma_0^2), normalised over the levels k.

    The levels v_k = 2 k / (L - 1) - 1, k = 0..L-1, lie evenly on [-1, 1]; data are those values, not the integers.
    Float32 tells up to two million of them apart; more are refused where they are used.
    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630, section 3.3.
    """

    def __init__(self, num_levels: int = 256) -> None:
        super().__init__()
        if num_levels < 2:
            raise InputError(f"{num_levels} levels", "at least 2")
        self.num_levels = num_levels

    @classmethod
    def made_for(cls, spec: Spec) -> "DiscretisedDecoder":
        if spec.num_levels is None:
            raise InputError(
                "levels of real values", "data with levels", Advice.of("choose {}", DECODERS.setting("gaussian"))
            )
        return cls(spec.num_levels)

    def values(self, like: Tensor) -> Tensor:
        """v_k, (L,), of the type and on the device of `like`."""
        return self.from_integers(torch.arange(self.num_levels, device=like.device), like.dtype)

    def from_integers(self, k: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Levels k = 0..L-1 (any integer type) to values on [-1, 1], of the default floating point type if not given.

        (2 k - (L - 1)) / (L - 1): the numerator is exact, so that each value is the nearest one there is.
        """
        check_tensors(k=k)
        dtype = dtype or torch.get_default_dtype()
        most = int(2 / (_APART * torch.finfo(dtype).eps)) + 1
        if self.num_levels > most:
            raise InputError(
                f"{self.num_levels} levels in {dtype}",
                f"at most {most}, which it can tell apart",
                "take fewer levels, or a finer type",
            )
        return (2 * k.long() - (self.num_levels - 1)).to(dtype) / (self.num_levels - 1)

    def to_integers(self, x: Tensor) -> Tensor:
        """Values on [-1, 1] to the nearest levels, int64."""
        check_tensors(x=x)
        return ((x + 1) * (self.num_levels - 1) / 2).round().long().clamp(0, self.num_levels - 1)

    def from_raw(self, x: ArrayLike) -> Tensor:
        return self.from_integers(torch.from_numpy(np.ascontiguousarray(x)))

    def to_raw(self, x: Tensor) -> np.ndarray:
        return self.to_integers(x).to(torch.uint8).cpu().numpy()

    def log_likelihoods(self, z: Tensor, level: NoiseLevel) -> Tensor:
        """log N(z_i; alpha v_k, sigma^2) for every level, up to a constant, (B, *event, L)."""
        alpha, sigma = (like_event(value, z)[..., None] for value in (level.alpha, level.sigma))
        return -0.5 * ((z[..., None] - alpha * self.values(z)) / sigma) ** 2

    def log_probs(self, z_0: Tensor, level: NoiseLevel) -> Tensor:
        """log p(x_i = v_k | z_0) for every level, (B, *event, L)."""
        return torch.log_softmax(self.log_likelihoods(z_0, level), dim=-1)

    def log_prob(self, x: Tensor, z_0: Tensor, level: NoiseLevel) -> Tensor:
        log_probs = self.log_probs(z_0, level)
        return sum_event(log_probs.gather(-1, self.to_integers(x)[..., None])[..., 0])

    def reconstruction(self, x: Tensor, level: NoiseLevel, noise: Tensor) -> Tensor:
        """-log p(x | z_0) at z_0 = alpha x + sigma noise, (B,), from the levels near x alone.

        A level u sigma / alpha away from x_i is exp(u noise_i - u^2 / 2) times as likely as x_i itself, which is
        nothing beyond a few levels: the sum over all 256 would cost as much as a small network.
        """
        ratio = like_event(level.sigma / level.alpha, x)
        spacing = 2 / (self.num_levels - 1)
        largest = float(noise.abs().max())
        reach = (largest + math.sqrt(largest**2 + 2 * _NEGLIGIBLE)) * float(ratio.detach().max()) / spacing
        most = min(math.ceil(reach), self.num_levels - 1)

        m = torch.arange(-most, most + 1, device=x.device)
        u = m.to(x.dtype) * spacing / ratio[..., None]  # of the data's type: m alone would be of the default type
        neighbour = self.to_integers(x)[..., None] + m
        exists = (neighbour >= 0) & (neighbour < self.num_levels)
        odds = (u * (noise[..., None] - u / 2)).masked_fill(~exists, -math.inf)
        return sum_event(torch.logsumexp(odds, dim=-1))

    def sample(self, z_0: Tensor, level: NoiseLevel, uniform: Tensor) -> Tensor:
        cumulative = self.log_probs(z_0, level).exp().cumsum(-1)
        index = (uniform[..., None] > cumulative).sum(-1).clamp(max=self.num_levels - 1)
        return self.values(z_0)[index]

    def check(self, x: Tensor) -> None:
        super().check(x)
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        spacing = 2 / (self.num_levels - 1)
        allowed = min(max(_OFF * spacing, _ROUNDING), _OFF_AT_MOST * spacing)
        off = (x - self.from_integers(self.to_integers(x), x.dtype)).abs() > allowed
        if off.any():
            raise InputError(
                f"a value {x[off][0].item():g} that is none of the levels",
                f"the {self.num_levels} values from -1 to 1 in steps of {spacing:g}",
                "map integers 0..L-1 by DiscretisedDecoder.from_integers, or choose another num_levels",
            )
