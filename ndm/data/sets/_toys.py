"""Common parts of the two-dimensional toys: sizes, the fixed stream of random numbers, and densities in chunks."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ndm.base.errors import InputError
from ndm.data.dataset import DataSet, Split

SIZES = (20000, 2000, 5000)
CHUNK = 2048  # points at a time: keeps a density's working arrays below 100 MB

LogDensity = Callable[[np.ndarray], np.ndarray]


def stream(seed: int) -> np.random.RandomState:
    """Make the stream of random numbers, which never changes: NEP 19 (2018) freezes RandomState, not Generator."""
    return np.random.RandomState(seed)


def labels(num_classes: int) -> np.ndarray:
    """Make labels 0, 1, ..., K-1, 0, 1, ...: every split holds equally many of each class, exactly."""
    return np.arange(sum(SIZES)) % num_classes


def toy(name: str, x: np.ndarray, y: np.ndarray | None, source: str, log_density: LogDensity) -> DataSet:
    """Make a toy from its independent samples `x` (27000, 2), split in the order they were drawn."""
    return DataSet(
        name,
        *Split(x.astype(np.float32), y).cut(SIZES),
        num_levels=None,
        num_classes=0 if y is None else int(y.max()) + 1,
        source=source,
        log_density=partial(in_chunks, log_density),
    )


def in_chunks(log_density: LogDensity, x: np.ndarray) -> np.ndarray:
    """Compute `log_density` of points `x` (N, 2), in float64, `CHUNK` points at a time: (N,) nats."""
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != 2 or not np.isfinite(x).all():
        what = f"points of shape {x.shape}" if x.shape[1:] != (2,) else "NaN or infinite points"
        raise InputError(what, "finite points (N, 2)")
    if len(x) == 0:
        return np.zeros(0)
    return np.concatenate([log_density(x[i : i + CHUNK]) for i in range(0, len(x), CHUNK)])


def log_normal(x: np.ndarray, std: float) -> np.ndarray:
    """The log density of N(0, std^2) at x, elementwise."""
    log_pdf: np.ndarray = -0.5 * (x / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    return log_pdf
