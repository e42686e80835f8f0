"""Averages over training whose length is chosen afterwards: the mathematics.

The average of relative length sigma at step t weighs the weights of step tau by the power profile

    p(tau) = (g + 1) tau^g / t^(g + 1),    0 <= tau <= t,    sigma = (g + 1)^(1/2) (g + 2)^(-1) (g + 3)^(-1/2):

sigma is the standard deviation of tau / t. The running average m <- b m + (1 - b) w with b = (1 - 1/t)^(g + 1) at step
t = 1, 2, ... weighs the weights of step k by the integral of p over [k - 1, k], exactly. So a sum of running averages,
kept at several steps, is the average of the sum of their profiles; the sum that is nearest to another profile is found
by least squares, from the inner products of profiles, which are known.

Source: Karras et al. (2024), section 3 and appendix C, https://arxiv.org/abs/2312.02696. Theirs is least squares alone,
scaled to mass 1 afterwards; here mass 1 is a constraint of it: the nearest of those for which a weight that never
changes is its own average.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from ndm.base.errors import InputError

_SHORTEST, _LONGEST = 1e-3, 12**-0.5  # g = 0: all steps alike


@cache  # asked for at every step of a training
def exponent(length: float) -> float:
    """g of a relative length sigma: the largest root of g^3 + 7 g^2 + (16 - sigma^-2) g + 12 - sigma^-2.

    Raises `InputError` for a length that no average has, or too few steps would resolve.
    """
    if not _SHORTEST <= length <= _LONGEST:
        raise InputError(
            f"an average of relative length {length}",
            f"{_SHORTEST} to {_LONGEST:.4f} (the mean of all)",
            "it is the standard deviation of its steps as a share of all",
        )
    square = length**-2
    return float(np.roots([1, 7, 16 - square, 12 - square]).real.max())


def kept(length: float, step: int) -> float:
    """b of the running average of a relative length at step t = 1, 2, ..."""
    return float((1 - 1 / step) ** (exponent(length) + 1))


@dataclass(frozen=True)
class Profiles:
    """Power profiles: their ends t and exponents g, (N,) each."""

    step: np.ndarray
    exponent: np.ndarray

    @classmethod
    def of(cls, steps: list[int], lengths: list[float]) -> "Profiles":
        """A profile for each pair of a step and a relative length."""
        return cls(np.array(steps, float), np.array([exponent(length) for length in lengths]))

    def __call__(self, tau: np.ndarray) -> np.ndarray:
        """p(tau) of each, (N, len(tau))."""
        t, g = self.step[:, None], self.exponent[:, None]
        return np.where(tau <= t, (g + 1) / t * np.minimum(tau / t, 1.0) ** g, 0.0)

    def inner(self, other: "Profiles") -> np.ndarray:
        """The integrals of p_i p_j, (N, M): with u and v the earlier and the later end, and g_v that of the latter,

        (g_i + 1) (g_j + 1) / ((g_i + g_j + 1) v) (u / v)^(g_v).
        """
        t, g = self.step[:, None], self.exponent[:, None]
        s, h = other.step[None], other.exponent[None]
        of_later = np.where(t < s, h, g)
        later = np.maximum(t, s)
        return (g + 1) * (h + 1) / ((g + h + 1) * later) * (np.minimum(t, s) / later) ** of_later

    def weights(self, wanted: "Profiles") -> tuple[np.ndarray, np.ndarray]:
        """What to sum these by, to come nearest to each that is wanted: w (N, M), columns of sum 1, and the error (M,).

        w minimises the norm of sum_i w_i p_i - p; the error is that norm over the norm of p.
        """
        gram, right = self.inner(self), self.inner(wanted)
        scale = np.diag(gram) ** -0.5
        size = len(scale)
        # The multiplier of the constraint is the last unknown; scaled, all equations are of one size.
        system = np.zeros((size + 1, size + 1))
        system[:size, :size] = scale[:, None] * gram * scale
        norm = np.linalg.norm(scale)
        system[:size, size] = system[size, :size] = scale / norm
        values = np.vstack([scale[:, None] * right, np.full((1, right.shape[1]), 1 / norm)])
        found = scale[:, None] * np.linalg.lstsq(system, values, rcond=None)[0][:size]
        squares = np.diag(wanted.inner(wanted))
        left = (found * (gram @ found)).sum(0) - 2 * (found * right).sum(0) + squares
        return found, np.sqrt(np.maximum(left, 0) / squares)
