"""Lazy arrays of examples, and passes over examples that never hold them all in memory."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from ndm.base.errors import InputError

IN_MEMORY = 2**30  # bytes: what is larger than this when decoded stays where it is, and is fetched when needed
CHUNK = 2**28  # bytes at a time; data up to this size are treated in one piece


class Lazy(ABC):
    """A lazy array (N, *event) of `dtype`, indexed along its first axis like NumPy's; every index makes an array."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @abstractmethod
    def take(self, positions: np.ndarray) -> np.ndarray:
        """Fetch the examples at `positions` (n,), integers 0..N-1: (n, *event)."""

    @abstractmethod
    def subset(self, positions: np.ndarray) -> Self:
        """Select the examples at `positions`, without fetching them."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            return self.take(np.arange(*rows.indices(len(self))))
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        if rows.size and not (-len(self) <= rows.min() and rows.max() < len(self)):
            raise IndexError(f"an index out of range for {len(self)} examples")
        found = self.take(np.where(rows < 0, rows + len(self), rows).reshape(-1).astype(np.int64))
        return found.reshape(rows.shape + self.shape[1:])

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def stamps(self) -> Iterator[bytes]:
        """Bytes that change with any value: the values, as in an array in memory."""
        return stamps_of_values(self)


Examples = np.ndarray | Lazy


class Joined(Lazy):
    """A lazy array of rows of arrays (N_i, *event) laid end to end, in any order, as `dtype`: of mapped files."""

    def __init__(self, arrays: Sequence[Examples], positions: np.ndarray | None = None, dtype: Any = None) -> None:
        self.arrays, self.ends = list(arrays), np.cumsum([len(array) for array in arrays])
        self.positions = np.arange(self.ends[-1]) if positions is None else positions
        self.dtype = np.dtype(dtype or self.arrays[0].dtype)
        self.shape = (len(self.positions), *self.arrays[0].shape[1:])

    def take(self, positions: np.ndarray) -> np.ndarray:
        places = self.positions[positions]
        which = np.searchsorted(self.ends, places, side="right")
        found = np.empty((len(places), *self.shape[1:]), self.dtype)
        for i in np.unique(which):
            begin = self.ends[i] - len(self.arrays[i])
            found[which == i] = self.arrays[i][places[which == i] - begin]
        return found

    def subset(self, positions: np.ndarray) -> Self:
        return type(self)(self.arrays, self.positions[positions], self.dtype)


def rows_of(x: Examples, rows: slice | np.ndarray) -> Examples:
    """Select rows of `x`, which are fetched now only where `x` is in memory."""
    if isinstance(x, Lazy):
        return x.subset(np.arange(len(x))[rows])
    if isinstance(x, np.memmap) and not isinstance(rows, slice):
        return Joined([x], rows)
    return x[rows]


def at_hand(x: Lazy) -> Examples:
    """Fetch the examples now if they take at most `IN_MEMORY` bytes."""
    return x[:] if x.size <= IN_MEMORY else x


def rows_at_once(x: Examples) -> int:
    """The number of rows of `x` that take `CHUNK` bytes, at least one."""
    return max(1, CHUNK // max(1, x.dtype.itemsize * math.prod(x.shape[1:])))


def chunks(x: Examples) -> Iterator[tuple[int, np.ndarray]]:
    """Iterate over consecutive rows of `x`, `CHUNK` bytes at a time, each with the number of its first."""
    rows = rows_at_once(x)
    for start in range(0, len(x), rows):
        yield start, x[start : start + rows]


def stamps_of_values(x: Examples) -> Iterator[bytes]:
    """Yield type, shape and values as bytes, little-endian, so that they are the same on every machine."""
    dtype = x.dtype.newbyteorder("<")
    yield f"{dtype.str} {x.shape};".encode()
    for _, part in chunks(x):
        yield np.ascontiguousarray(part, dtype).tobytes()


def moments(x: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation of every dimension, in float64, (*event) each."""
    parts = [(len(part), part.mean(0, dtype=np.float64), part.std(0, dtype=np.float64)) for _, part in chunks(x)]
    if len(parts) == 1:
        return parts[0][1:]
    num, means, stds = (np.stack(each) for each in zip(*parts, strict=True))
    mean = np.average(means, axis=0, weights=num)
    return mean, np.sqrt(np.average(stds**2 + (means - mean) ** 2, axis=0, weights=num))


def option(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """Check the `value` of the option `name`; the `InputError` lists what is allowed."""
    if value not in allowed:
        raise InputError(f"the option {name}={value}", "one of " + ", ".join(f"{name}={each}" for each in allowed))
    return value
