"""Levels that noise was added to, and what a lossless code of them is worth as a density of the noisy values.

Data that were dequantised are x = s (k + u): levels k, a step s, and noise u ~ U(0, 1) in each of D dimensions.

A code of L(k) bits is a distribution P(k) = 2^-L(k). Spread evenly over the cell of k it is a density of x,
p(x) = P(floor(x / s)) / s^D, so that

    -log p(x) = L log 2 + D log s    nats,

which is on the scale of a model's bound of -log p(x). The other way about, a density q is the code
P(k) = integral of q over the cell, and by Jensen's inequality L(k) log 2 <= E_u[-log q(x)] - D log s: what a model is
above or below a codec in nats, it is above or below it as a code as well.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

_SAME = 1e-4  # relative: steps are found one by one, by least squares


class Levels(NamedTuple):
    """Levels k (N, *event), of the narrowest type of integers, and the step s between them."""

    k: np.ndarray
    step: float

    def nats(self, bits_per_dim: float) -> float:
        """Convert the bits that a code takes for a dimension to nats of an example: L log 2 + D log s."""
        return math.prod(self.k.shape[1:]) * (bits_per_dim * math.log(2) + math.log(self.step))

    def bits_per_dim(self, nats: float) -> float:
        """Convert nats of an example to the bits that a code of that density takes for a dimension, at most."""
        return (nats / math.prod(self.k.shape[1:]) - math.log(self.step)) / math.log(2)


def levels_of(x: np.ndarray, reading: Mapping[str, Any]) -> Levels | None:
    """The levels of dequantised values x (N, *event) that were read with the options `reading` of a `DataSet`.

    They are counted from 0, where lattices of integers, of k / 255 and of rounded numbers pass: another lattice would
    cost a codec some of its advantage. None where dimensions got no noise, or noise of different widths.
    """
    steps = list((reading.get("dequantise") or {}).values())
    if len(steps) < math.prod(x.shape[1:]) or not len(x) or max(steps) > (1 + _SAME) * min(steps):
        return None
    step = float(np.median(steps))
    k = np.floor(x.astype(np.float64) / step)
    return Levels(k.astype(_narrowest(int(k.min()), int(k.max()))), step)


def _narrowest(low: int, high: int) -> np.dtype[Any]:
    types = (np.dtype(f"{kind}{size}") for size in (1, 2, 4, 8) for kind in "ui")
    return next(each for each in types if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
