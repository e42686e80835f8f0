"""Detection of values at equal steps, such as counts, k/255 or rounded measurements, and of repeated values."""

import numpy as np

_VISIBLE = 1e-3  # of a standard deviation: a finer step is seen by no model
_TIED = 0.1  # of the values: fewer of continuous ones are the same, in float32 as well
_FEWEST = 3  # different values, that are at equal steps by more than chance
_SPARSE = 1000  # steps of the lattice for each value that is there: there are reals as near to one as that
_ERROR = 2 * float(np.finfo(np.float32).eps)  # of a value, after arithmetic in float32


def integers(x: np.ndarray) -> np.ndarray:
    """Find the dimensions of x (N, D) that hold only integers, where the type can tell: (D,)."""
    precise = 4 * np.finfo(x.dtype).eps * np.abs(x).max(0) < 1
    whole: np.ndarray = precise & (x == np.round(x)).all(0)
    return whole


def tied(x: np.ndarray) -> np.ndarray:
    """The fraction of values of each dimension of x (N, D) that other examples have as well: (D,)."""
    ordered = np.sort(x, 0)
    same = np.pad(ordered[1:] == ordered[:-1], ((1, 1), (0, 0)))
    share: np.ndarray = (same[1:] | same[:-1]).mean(0)
    return share


def has_ties(x: np.ndarray) -> np.ndarray:
    """Whether more values of each dimension of x (N, D) are equal than chance allows: (D,)."""
    many: np.ndarray = tied(x) > _TIED
    return many


def step_of(values: np.ndarray) -> float | None:
    """Find the step of the lattice that `values` (N,) lie on, 1 for integers; None for none, or a negligible one."""
    if integers(values[:, None])[0]:
        return 1.0
    values = values.astype(np.float32)
    places = np.unique(values).astype(np.float64)
    if len(places) < _FEWEST:
        return float(places[1] - places[0]) if len(places) == 2 else None
    offsets, error = places - places[0], _ERROR * float(np.abs(places).max())
    step = _common(np.diff(places), error)
    if step is None or offsets[-1] / step > _SPARSE * len(places):
        return None
    step = _refined(offsets, step)
    visible = step > _VISIBLE * values.std(dtype=np.float64) or has_ties(values[:, None])[0]
    return step if visible and _off(offsets, step) <= 2 * error else None


def at_steps(values: np.ndarray, step: float) -> np.ndarray:
    """Which of `values` (N,) are at multiples of the step from the first, or of 1 from 0, within rounding: (N,)."""
    offsets = values.astype(np.float64) - (0 if step == 1 else float(values[0]))
    error = 4 * _ERROR * max(1.0, float(np.abs(values).max()))
    near: np.ndarray = np.abs(offsets - np.round(offsets / step) * step) <= error
    return near


def _common(gaps: np.ndarray, error: float) -> float | None:
    """Find the greatest common divisor of all gaps, within errors of `error`, by Euclid's algorithm for all at once.

    None where it is so small that errors would hide it.
    """
    step = float(gaps.min())
    while step > 16 * error:
        rest = np.abs(gaps - np.round(gaps / step) * step)
        rest = rest[rest > 4 * error * np.maximum(1, np.round(gaps / step))]
        if not len(rest):
            return step
        step = float(rest.min())
    return None


def _refined(offsets: np.ndarray, step: float) -> float:
    """Refine the step by least squares over growing offsets, each of which tells how many steps the next are.

    It begins with the mean of the short gaps.
    """
    gaps = np.diff(offsets)
    short = gaps[gaps <= max(4.5 * step, gaps.min())]
    step, reach = float(short.sum() / np.round(short / step).sum()), 8 * step
    while True:
        near = offsets[offsets <= reach]
        number = np.round(near / step)
        if number.any():
            step = float(number @ near / (number @ number))
        if reach >= offsets[-1]:
            return step
        reach *= 4


def _off(offsets: np.ndarray, step: float) -> float:
    """The distance of the farthest value from the lattice."""
    return float(np.abs(offsets - np.round(offsets / step) * step).max())
