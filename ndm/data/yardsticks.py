"""What simple models and general codecs take for the same examples: yardsticks of a bound.

Images of levels are measured in bits per dimension:

    uniform       log2 L, the same for every level
    independent   each dimension by itself: its histogram over training examples, with 1/2 added to every count
                  (Krichevsky and Trofimov, 1981)
    zlib, PNG, WebP   the bytes of lossless files, headers included: `ndm.data.codecs.quick_bits`

and real values in nats per example: a Gaussian of each dimension, and one of full covariance, fitted to training
examples; where they are levels to which noise was added, the densities (`ndm.data.levels`) of zlib, xz and, of signals
that 16 bits hold, the better of FLAC's two ways. What takes more than a second or two is computed on some of the
examples.
"""

import math
from typing import NamedTuple

import numpy as np

from ndm.data.codecs import first_images, level_bits, quick_bits
from ndm.data.dataset import DataSet
from ndm.data.event import event_of
from ndm.data.lazy import Examples
from ndm.data.levels import levels_of

UNIFORM, INDEPENDENT, GAUSSIAN = "uniform", "independent dimensions", "full-covariance Gaussian"
FLAC = "FLAC"
_FITTED = 2**24  # values of training examples that are counted
_CODED = 2**20  # values of examples that codecs compress
_COUNTS = 2**24  # in memory at once
_MOST_COVARIED = 1024  # dimensions of a full covariance


class Yardsticks(NamedTuple):
    """Numbers by the name of the model or codec, all in one unit, on the first `num_examples` of a split.

    num_coded     how many of them were compressed: the first
    num_fitted    on how many training examples simple models were fitted
    absent        why there is no number of a codec, by its name
    """

    values: dict[str, float]
    num_examples: int
    num_coded: int
    num_fitted: int
    absent: dict[str, str]


def yardsticks(data: DataSet, limit: int, split: str = "validation") -> Yardsticks:
    """The yardsticks of the first `limit` examples of a split, in bits/dim for images and else in nats."""
    x = np.asarray(data.split(split).x[:limit])
    train = _some(data, max(1, _FITTED // math.prod(data.event_shape)))
    most = max(1, _CODED // math.prod(data.event_shape))
    if data.num_levels is None:
        values = {INDEPENDENT: independent_gaussians(train, x), GAUSSIAN: gaussian(train, x)}
        fitted = {name: value for name, value in values.items() if value is not None}
        codes, absent = codecs(data, x[:most])
        return Yardsticks(fitted | codes, len(x), len(x[:most]) if codes else 0, len(train), absent)
    found = {UNIFORM: math.log2(data.num_levels), INDEPENDENT: histograms(train, x, data.num_levels)}
    coded = first_images(x)[:most]
    return Yardsticks(found | quick_bits(coded), len(x), len(coded), len(train), {})


def codecs(data: DataSet, x: np.ndarray) -> tuple[dict[str, float], dict[str, str]]:
    """What codecs take for real values x (N, *event) of these data, in nats per example, and why one is absent.

    Nothing where x are no levels with noise.
    """
    if (levels := levels_of(x, data.reading)) is None:
        return {}, {}
    found = level_bits(levels.k, event_of(data.event_shape, None, data.columns))
    bits = {"zlib": found.values["zlib"], "xz": found.values["xz"]} | ({FLAC: found.flac} if found.flac else {})
    return {name: levels.nats(value) for name, value in bits.items()}, {FLAC: found.absent} if found.absent else {}


def _some(data: DataSet, number: int) -> np.ndarray:
    """Training examples, at random where there are more than `number`."""
    x: Examples = data.train.x
    return np.asarray(x[:] if len(x) <= number else x[np.random.default_rng(0).permutation(len(x))[:number]])


def histograms(train: np.ndarray, x: np.ndarray, num_levels: int) -> float:
    """Bits per dimension of levels x (n, *event) by the histogram of each dimension of `train` (N, *event).

    p_i(k) = (count_i(k) + 1/2) / (N + L / 2).
    """
    train, x = train.reshape(len(train), -1), x.reshape(len(x), -1)
    at_once, log_counts = max(1, _COUNTS // num_levels), 0.0
    for start in range(0, train.shape[1], at_once):
        of_train, of_x = (each[:, start : start + at_once].astype(np.int64) for each in (train, x))
        places = np.arange(of_train.shape[1]) * num_levels
        counts = np.bincount((of_train + places).ravel(), minlength=len(places) * num_levels)
        log_counts += float(np.log2(counts[of_x + places] + 0.5).sum())
    return math.log2(len(train) + num_levels / 2) - log_counts / x.size


def independent_gaussians(train: np.ndarray, x: np.ndarray) -> float | None:
    """Nats per example of x (n, *event) by a Gaussian of each dimension of `train` (N, *event); None where one has no
    variance.
    """
    mean, variance = train.mean(0, dtype=np.float64), train.var(0, dtype=np.float64)
    if not (variance > 0).all():
        return None
    squares = (x.astype(np.float64) - mean) ** 2 / variance
    return float((np.log(2 * np.pi * variance) + squares.mean(0)).sum() / 2)


def gaussian(train: np.ndarray, x: np.ndarray) -> float | None:
    """Nats per example of x (n, *event) by a Gaussian of full covariance, fitted to `train` (N, *event).

    None where there are too many dimensions, or too few examples to tell the covariance of all.
    """
    train, x = (each.reshape(len(each), -1).astype(np.float64) for each in (train, x))
    if not 1 < train.shape[1] <= min(_MOST_COVARIED, len(train) - 1):
        return None
    mean = train.mean(0)
    try:
        root = np.linalg.cholesky((train - mean).T @ (train - mean) / len(train))
    except np.linalg.LinAlgError:  # some of them are functions of the others
        return None
    whitened = np.linalg.solve(root, (x - mean).T)
    log_determinant = 2 * np.log(np.diag(root)).sum()
    return float((x.shape[1] * math.log(2 * math.pi) + log_determinant + (whitened**2).sum(0).mean()) / 2)
