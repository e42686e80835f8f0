"""Functions of time b_k(t) with b_k(0) = 0, from which transformations are built, with their derivatives."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.shapes import like_event
from ndm.process.curve import Curve, Operation, times

_MOST = 10_000


class TimeFunctions(Part, ABC):
    """K functions b_k(t) with b_k(0) = 0."""

    def __init__(self, num: int) -> None:
        super().__init__()
        if not isinstance(num, int) or not 1 <= num <= _MOST:
            raise InputError(f"{num} functions of time", f"a whole number from 1 to {_MOST}")
        self.num = num

    @abstractmethod
    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """b_k(t) and b'_k(t), each shaped like t with one more axis K."""

    def value(self, t: Tensor) -> Tensor:
        """b_k(t) alone."""
        return self(t)[0]

    @property
    def knots(self) -> tuple[float, ...]:
        """Times inside (0, 1) at which a velocity jumps; none by default."""
        return ()


class Monomials(TimeFunctions):
    """b_k(t) = t^k, k = 1..K."""

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        k = torch.arange(1, self.num + 1, dtype=t.dtype, device=t.device)
        t = t[..., None]
        return t**k, k * t ** (k - 1)


class IntegratedBumps(TimeFunctions):
    """b_k(t) = integral from 0 to t of a bump around the k-th of K points of [0, 1]: F moves in K local steps.

    The bump is the raised cosine K (1 + cos(pi K (t - c_k))) / 2 for |t - c_k| < 1/K, c_k = (k - 1/2) / K. Bumps
    overlap by half, so that they sum to a constant away from the ends, and b_k and b'_k are smooth.
    """

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        centres = (torch.arange(self.num, dtype=t.dtype, device=t.device) + 0.5) / self.num
        u = (self.num * (t[..., None] - centres)).clamp(-1, 1)
        before = (self.num * -centres).clamp(-1, 1)
        bump = self.num * (1 + torch.cos(math.pi * u)) / 2
        return self._integral(u) - self._integral(before), bump

    @staticmethod
    def _integral(u: Tensor) -> Tensor:
        return (u + torch.sin(math.pi * u) / math.pi) / 2


class Pieces(TimeFunctions):
    """b_k(t) = max(0, 1 - |K t - k|), k = 1..K: sum_k c_k b_k(t) is c_k at t = k / K, and linear between.

    For a chain of T = K steps that is a free value for each step.
    """

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        # On a knot the slope is that of the piece on the left, at t = 0 of the first.
        k, piece = self._knots(t), (self.num * t[..., None]).ceil().clamp(min=1)
        return self.value(t), self.num * ((k == piece).to(t) - (k == piece - 1).to(t))

    def value(self, t: Tensor) -> Tensor:
        return (1 - (self.num * t[..., None] - self._knots(t)).abs()).clamp(min=0)

    @property
    def knots(self) -> tuple[float, ...]:
        return tuple(k / self.num for k in range(1, self.num))

    def _knots(self, t: Tensor) -> Tensor:
        return torch.arange(1, self.num + 1, dtype=t.dtype, device=t.device)


class Sigmoids(TimeFunctions):
    """b_k(t) = s((t - c_k) / w_k) - s(-c_k / w_k), s the logistic sigmoid: K smooth steps, with learned c_k and w_k.

    Where gamma is linear in t they are sigmoids of gamma. They start at c_k = (k - 1/2) / K, with w_k = 1 / (4 K).
    """

    def __init__(self, num: int) -> None:
        super().__init__(num)
        self.centres = nn.Parameter((torch.arange(num) + 0.5) / num)
        self.log_widths = nn.Parameter(torch.full((num,), -math.log(4 * num)))

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        widths = self.log_widths.exp()
        at_zero, at_t = torch.sigmoid(-self.centres / widths), torch.sigmoid((t[..., None] - self.centres) / widths)
        return at_t - at_zero, at_t * (1 - at_t) / widths


FUNCTIONS: dict[str, type[TimeFunctions]] = {
    "bumps": IntegratedBumps,
    "monomials": Monomials,
    "pieces": Pieces,
    "sigmoids": Sigmoids,
}


class BasisCurve(Curve):
    """t -> x + sum_k b_k(t) h_k, with velocity sum_k b'_k(t) h_k."""

    def __init__(self, x: Tensor, h: Tensor, functions: TimeFunctions) -> None:
        self.x = x  # (B, *event)
        self.h = h  # (B, K, *event)
        self.functions = functions

    def _combine(self, weights: Tensor) -> Tensor:
        """sum_k weights_k h_k, weights (B, K) or (K,); elementwise, so that mixed precision leaves it alone."""
        weights = weights.expand(self.h.shape[0], -1)
        return (like_event(weights, self.h) * self.h).sum(1)

    def __call__(self, t: Tensor) -> Tensor:
        return self.x + self._combine(self.functions(t)[0])

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        b, b_prime = self.functions(t)
        return self.x + self._combine(b), self._combine(b_prime)

    def __mul__(self, factor: float | Tensor) -> Curve:
        if isinstance(factor, Tensor) and factor.ndim > 1:  # (B, *event) does not broadcast against (B, K, *event)
            return super().__mul__(factor)
        return BasisCurve(times(factor, self.x), times(factor, self.h), self.functions)

    def combined(self, operation: Operation, other: Curve) -> Curve:
        if isinstance(other, BasisCurve) and other.functions is self.functions:
            return BasisCurve(operation(self.x, other.x), operation(self.h, other.h), self.functions)
        return super().combined(operation, other)
