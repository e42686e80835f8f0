"""The decoder of data with a finite number of levels, such as images of 8 bits."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ndm.autodiff.softmax import LogSumExp, logsumexp_and_softmax, minus_square
from ndm.base.axes import DECODERS
from ndm.base.errors import Advice, InputError
from ndm.base.precision import check_tensors
from ndm.base.ranges import check_count
from ndm.base.shapes import like_event, sum_event
from ndm.base.spec import Spec
from ndm.parts.decoders.decoder import Decoder
from ndm.parts.schedules import NoiseLevel

_NEAR = 32  # levels on each side of z_0 that are summed one by one
_OFF = 5e-4  # of the distance of two levels, by which data may miss one
_OFF_AT_MOST = 0.25
_ROUNDING = 2 * torch.finfo(torch.float32).eps  # of data that were float32 once, by any formula
_APART = 8.0  # two levels, in units of eps: less, and numbers of that precision cannot tell them apart


class DiscretisedDecoder(Decoder):
    """A categorical decoder, p(x_i = v_k | z_0) proportional to N(z_0,i; alpha_0 v_k, sigma_0^2) over the levels k.

    The levels v_k = 2 k / (L - 1) - 1, k = 0..L-1, lie evenly on [-1, 1]; data are those values, not the integers.
    Float32 tells up to two million of them apart; more are refused where they are used.
    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630, section 3.3.
    """

    def __init__(self, num_levels: int = 256) -> None:
        super().__init__()
        check_count("num_levels", num_levels, 2)
        self.num_levels = num_levels
        self.table: Tensor
        self.register_constant("table", (2 * torch.arange(num_levels).double() - (num_levels - 1)) / (num_levels - 1))

    @classmethod
    def made_for(cls, spec: Spec) -> "DiscretisedDecoder":
        if spec.num_levels is None:
            raise InputError(
                "levels of real values", "data with levels", Advice.of("choose {}", DECODERS.setting("gaussian"))
            )
        return cls(spec.num_levels)

    def values(self, like: Tensor) -> Tensor:
        """The values v_k of the levels, (L,), of the type and on the device of `like`."""
        if (
            self.table.dtype == like.dtype
            and self.table.device == like.device
            and self.num_levels <= self._most(like.dtype)
        ):
            return self.table
        return self.from_integers(torch.arange(self.num_levels, device=like.device), like.dtype)

    def from_integers(self, k: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Convert levels k = 0..L-1 (any integer type) to values on [-1, 1], by default of torch's default type.

        (2 k - (L - 1)) / (L - 1): the numerator is exact, so that each value is the nearest one there is.
        """
        check_tensors(k=k)
        dtype = dtype or torch.get_default_dtype()
        most = self._most(dtype)
        if self.num_levels > most:
            raise InputError(
                f"{self.num_levels} levels in {dtype}",
                f"at most {most}, which it can tell apart",
                "take fewer levels, or a finer type",
            )
        return (2 * k.long() - (self.num_levels - 1)).to(dtype) / (self.num_levels - 1)

    @staticmethod
    def _most(dtype: torch.dtype) -> int:
        """The most levels that numbers of a type can tell apart."""
        return int(2 / (_APART * torch.finfo(dtype).eps)) + 1

    def to_integers(self, x: Tensor) -> Tensor:
        """Convert values on [-1, 1] to the nearest levels, int64."""
        check_tensors(x=x)
        return ((x + 1) * (self.num_levels - 1) / 2).round().long().clamp(0, self.num_levels - 1)

    def from_raw(self, x: ArrayLike) -> Tensor:
        return self.from_integers(torch.from_numpy(np.ascontiguousarray(x)))

    def to_raw(self, x: Tensor) -> np.ndarray:
        return self.to_integers(x).to(torch.uint8).cpu().numpy()

    def log_likelihoods(self, z: Tensor, level: NoiseLevel) -> Tensor:
        """Compute log N(z_i; alpha v_k, sigma^2) for every level, up to a constant, (B, *event, L)."""
        return minus_square(z.new_zeros(()), self.residuals(z, level)).movedim(1, -1)

    def residuals(self, z: Tensor, level: NoiseLevel) -> Tensor:
        """(z_i - alpha v_k) / (sqrt(2) sigma) for every level, (B, L, *event): minus its square is a log-likelihood."""
        scale = math.sqrt(0.5) / like_event(level.sigma, z)
        values = self.values(z).reshape(-1, *(1,) * (z.ndim - 1))
        return torch.addcmul((z * scale)[:, None], _with_levels(like_event(level.alpha, z) * scale), values, value=-1)

    def log_probs(self, z_0: Tensor, level: NoiseLevel) -> Tensor:
        """Compute log p(x_i = v_k | z_0) for every level, (B, *event, L)."""
        exponents = self.log_likelihoods(z_0, level)
        return exponents - logsumexp_and_softmax(exponents)[0][..., None]

    def log_prob(self, x: Tensor, z_0: Tensor, level: NoiseLevel) -> Tensor:
        log_probs = self.log_probs(z_0, level)
        return sum_event(log_probs.gather(-1, self.to_integers(x)[..., None])[..., 0])

    def reconstruction(self, x: Tensor, level: NoiseLevel, noise: Tensor) -> Tensor:
        """E[-log p(x | z_0)] at z_0 = alpha x + sigma n with n ~ N(0, I), (B,).

        A term depends on the level of x_i alone, and is the same for the k-th level from below and from above. So the
        expectation of each of L / 2 levels serves all dimensions, where these are many: it is computed by the
        trapezoidal rule, exact to rounding. Few dimensions take the one sample n = `noise`.
        """
        s = 2 / (self.num_levels - 1) * level.alpha / level.sigma
        at_x = self.to_integers(x)
        nodes, weights = _normal_quadrature(x)
        half = (self.num_levels + 1) // 2
        if s.ndim or half * len(nodes) > x.numel():
            return sum_event(self._surprise(at_x, like_event(s, x), noise))
        k = torch.arange(half, device=x.device)[:, None].expand(-1, len(nodes))
        expected = self._surprise(k, s, nodes.expand_as(k)) @ weights
        of_level = torch.minimum(at_x, self.num_levels - 1 - at_x).flatten(1)
        counts = x.new_zeros(len(x), half).scatter_add_(1, of_level, x.new_ones(()).expand_as(of_level))
        return counts @ expected

    def _surprise(self, k: Tensor, s: Tensor, noise: Tensor) -> Tensor:
        """-log p(x_i = v_k | z_0) at z_0 = alpha v_k + sigma n, of the shape of k, with n the noise:
        log sum_j exp(u_j (n - u_j / 2)), u_j = s (j - k), s the distance of two levels in units of sigma / alpha.

        All levels are summed where they are few, and otherwise those near z_0; for the rest see `_beyond`. How many are
        needed depends on s, which the host does not know: to ask would stop an accelerator in every step.
        """
        terms = min(self.num_levels, 2 * _NEAR + 1)
        first = torch.zeros_like(k)
        if terms < self.num_levels:
            first = (k + (noise / s.detach()).round()).clamp(_NEAR, self.num_levels - 1 - _NEAR).long() - _NEAR
        near, _, _ = NearLevels.apply(s, noise, (first - k).to(noise), terms)
        if terms < self.num_levels:
            ends = [((edge - k).to(noise) - 0.5) * s - noise for edge in (0, first, first + terms, self.num_levels)]
            beyond = _beyond(ends[0], ends[1], s) + _beyond(ends[2], ends[3], s)
            near = near + torch.log1p(beyond * torch.exp(0.5 * noise**2 - near))
        return near

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


class NearLevels(Function):
    """Sum the odds of consecutive levels: log sum_k exp(u_k (n - u_k / 2)), u_k = s m_k, m_k = first + k, (B, *event).

    Its derivatives are n E[m] - s E[m^2] in s and s E[m] in n, with E the mean over the levels by their odds: those two
    means are kept for them, and not the levels.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(s: Tensor, n: Tensor, first: Tensor, terms: int) -> tuple[Tensor, Tensor, Tensor]:
        m = first[:, None] + torch.arange(terms, device=n.device).reshape(-1, *(1,) * (n.ndim - 1))
        u = m * _with_levels(s)
        total, p = LogSumExp.forward(u * torch.add(n[:, None], u, alpha=-0.5))
        weighted = p * m
        return total, weighted.sum(1), (weighted * m).sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int], output: tuple[Tensor, ...]) -> None:
        s, n, _, _ = inputs
        _, mean, square = output
        ctx.mark_non_differentiable(mean, square)
        ctx.save_for_backward(s, n, mean, square)
        ctx.save_for_forward(s, n, mean, square)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, *_: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        s, n, mean, square = ctx.saved_tensors
        in_s = (g * (n * mean - s * square)).sum_to_size(s.shape) if ctx.needs_input_grad[0] else None
        return in_s, g * s * mean if ctx.needs_input_grad[1] else None, None, None

    @staticmethod
    def jvp(ctx: Any, s_prime: Tensor | None, n_prime: Tensor | None, *_: None) -> tuple[Tensor, None, None]:
        s, n, mean, square = ctx.saved_tensors
        change = torch.zeros_like(mean)
        change = change if s_prime is None else change + (n * mean - s * square) * s_prime
        return change if n_prime is None else change + s * mean * n_prime, None, None


def _normal_quadrature(like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the mean over a standard normal number, of the type and on the device of `like`.

    The trapezoidal rule, from -6.5 to 6.5 in float32 and from -8.5 to 8.5 in float64. A term of `_surprise` is
    log(1 + exp(s (n - s / 2))) and the like, with singularities at s / 2 +- i pi / s: the rule with steps h errs by
    exp(-2 pi^2 / (s h) - s^2 / 8), which is below 3e-8 for every s at h = 1/4, and below 2e-12 at h = 1/8.
    """
    farthest, steps = (6.5, 4) if like.dtype == torch.float32 else (8.5, 8)
    nodes = torch.linspace(-farthest, farthest, round(2 * farthest * steps) + 1, dtype=like.dtype, device=like.device)
    return nodes, torch.exp(-(nodes**2) / 2) / (steps * math.sqrt(2 * math.pi))


def _with_levels(value: Tensor) -> Tensor:
    """A number for each example or each dimension, (B, *), or one for all, (), with an axis for levels."""
    return value[:, None] if value.ndim else value


def _beyond(a: Tensor, b: Tensor, s: Tensor) -> Tensor:
    """sum_k exp(-y_k^2 / 2) over the y_k that lie s apart from a + s / 2 to b - s / 2, by the Euler-Maclaurin formula:

    sqrt(2 pi) (Phi(b) - Phi(a)) / s + sum_p c_p s^(2p-1) [ He_(2p-1)(a) exp(-a^2 / 2) - that at b ]

    with c_p = B_2p(1/2) / (2p)! and p = 1, 2, 3. Both ends lie on one side of 0. It stands for levels further than
    `_NEAR` from z_0: where s > 0.3 they weigh less than exp(-40), and where s < 0.3 the formula is exact to 1e-13 of
    the sum of all.
    """
    total = torch.erfc(torch.minimum(a.abs(), b.abs()) * math.sqrt(0.5))
    total = (total - torch.erfc(torch.maximum(a.abs(), b.abs()) * math.sqrt(0.5))) * math.sqrt(math.pi / 2) / s
    s = s.clamp(max=1.0)
    for y, sign in ((a, 1.0), (b, -1.0)):
        square, odd = y**2, s * y
        first = -1 / 24
        third = 7 / 5760 * s**2 * (square - 3)
        fifth = -31 / 967680 * s**4 * (square * (square - 10) + 15)
        total = total + sign * torch.exp(-square / 2) * odd * (first + third + fifth)
    return total
