"""Remarks on real values over which a density has no upper bound, and on images that show nothing. They never refuse.

A continuous density gives each value once. Where values are integers, lie at equal steps or repeat, and where
dimensions are the same, constant or linear in each other, log p has no upper bound, and a NELBO in nats means nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ndm.data.formats.lattice import has_ties, integers, step_of
from ndm.data.lazy import IN_MEMORY, Examples, Joined, chunks, rows_at_once

_VALUES, _MOST_ROWS, _FEWEST_ROWS = 2**22, 2**16, 256  # of the sample that is looked at
_MOST_SEARCHED = 2048  # dimensions whose steps are searched
_MOST_LINEAR = 512  # dimensions whose correlations are taken
_LINEAR = 1e-10  # of the variance of standardised dimensions, beside that of rounding in float32
_OUTLYING = 10  # times the spread of most values: outliers alone would be a line
_INVOLVED = 0.01  # of the largest coefficient in what is constant
_NAMES, _GROUPS = 3, 4  # that are named


def remarks(x: Examples, columns: Sequence[str] = ()) -> tuple[str, ...]:
    """Make the remarks on examples `x` (N, *event), whose dimensions `columns` names where they are a table's.

    At most 65536 examples, evenly spaced, are looked at, and all of them where dimensions are constant, the same or
    linear in each other there. Of images those are looked at that are in memory.
    """
    if not isinstance(x, np.ndarray | Joined) or len(x) < 2:
        return ()
    if x.dtype == np.uint8:
        return tuple(_of_images(x)) if x.size <= IN_MEMORY else ()
    width = x.size // len(x)
    number = min(len(x), _MOST_ROWS, max(_FEWEST_ROWS, _VALUES // width), rows_at_once(x))
    sample = np.asarray(x[np.linspace(0, len(x) - 1, number, dtype=int)]).reshape(number, width)
    words = _Words(x.shape[1:], columns)
    constant = _whole(x, sample, [list(np.flatnonzero(np.ptp(sample, 0) == 0))], _never_changes)[0]
    twins = _whole(x, sample, _same(sample, constant), _are_the_same)
    left = np.setdiff1d(np.arange(width), np.concatenate([constant, *(group[1:] for group in twins)])).astype(int)
    found = _of_constants(constant, words) + _of_twins(twins, words) + _of_linear(x, sample, left, words)
    return (*found, *_of_steps(sample, left, words))


@dataclass(frozen=True)
class _Words:
    """Names of dimensions by their numbers: columns of a table by name, others by their place in the event."""

    shape: tuple[int, ...]
    columns: Sequence[str]

    def noun(self, number: int) -> str:
        return ("column" if self.columns else "dimension") + "s" * (number > 1)

    def name(self, i: int) -> str:
        return self.columns[i] if self.columns else str([int(place) for place in np.unravel_index(i, self.shape)])

    def __call__(self, dimensions: Sequence[int]) -> str:
        """Name the first of them, and say how many more there are."""
        names = [self.name(i) for i in dimensions[:_NAMES]]
        if len(dimensions) > _NAMES:
            names.append(f"{len(dimensions) - _NAMES:,} more")
        words = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
        return f"{self.noun(len(dimensions))} {words}"

    def option(self, dimensions: Sequence[int]) -> str:
        """The option that adds noise to them."""
        names = list(dict.fromkeys(self.name(i).rpartition("[")[0] or self.name(i) for i in dimensions))
        few = self.columns and len(dimensions) <= _NAMES and all(name.isidentifier() for name in names)
        return f"dequantise=[{','.join(names)}]" if few else "dequantise=true"


def _of_images(x: Examples) -> list[str]:
    """Remarks on images that show nothing."""
    blank, same, first = 0, True, x[0]
    for _, part in chunks(x):
        same = same and bool((part == first).all())
        blank += int((part.min((2, 3)) == part.max((2, 3))).all(1).sum())
    if same:
        return ["all images of train are the same"]
    return [f"{blank:,} of {len(x):,} images of train are of one colour throughout"] * bool(blank)


def _whole(
    x: Examples,
    sample: np.ndarray,
    groups: list[list[int]],
    holds: Callable[[np.ndarray, np.ndarray, list[int]], np.ndarray],
) -> list[list[int]]:
    """Keep the dimensions of each group for which holds(part, first, group) is true of all examples."""
    if len(sample) == len(x) or not any(groups):
        return groups
    true, first = [np.ones(len(group), bool) for group in groups], sample[0]
    for _, part in chunks(x):
        part = part.reshape(len(part), -1)
        for each, group in zip(true, groups, strict=True):
            each &= holds(part, first, group)
    return [
        [i for i, is_true in zip(group, each, strict=True) if is_true] for group, each in zip(groups, true, strict=True)
    ]


def _never_changes(x: np.ndarray, first: np.ndarray, group: list[int]) -> np.ndarray:
    never: np.ndarray = (x[:, group] == first[group]).all(0)
    return never


def _are_the_same(x: np.ndarray, first: np.ndarray, group: list[int]) -> np.ndarray:
    same: np.ndarray = (x[:, group] == x[:, group[:1]]).all(0)
    return same


def _same(x: np.ndarray, constant: list[int]) -> list[list[int]]:
    """Find the groups of dimensions of x (n, D) that are the same, by their bytes; -0 is 0."""
    groups = defaultdict(list)
    for i, column in enumerate(np.ascontiguousarray(x.T + np.float32(0))):
        groups[column.tobytes()].append(i)
    for i in constant:
        groups.pop(np.full(len(x), x[0, i] + np.float32(0)).tobytes(), None)
    return [group for group in groups.values() if len(group) > 1]


def _of_constants(constant: list[int], words: _Words) -> list[str]:
    if not constant:
        return []
    which = f"{words(constant[:1])} of train" + f" (of {len(constant)} such)" * (len(constant) > 1)
    return [f"{which} never changes: ndm train refuses it, as a density over a constant is infinite"]


def _of_twins(twins: list[list[int]], words: _Words) -> list[str]:
    found = [f"{words(group)} are the same" for group in twins if len(group) > 1]
    rest = f"and {len(found) - _GROUPS:,} more groups of equal {words.noun(2)}"
    return found[:_GROUPS] + [rest] * (len(found) > _GROUPS)


def _of_linear(x: Examples, sample: np.ndarray, left: np.ndarray, words: _Words) -> list[str]:
    """Remarks on dimensions that others determine: combinations of standardised ones that do not vary."""
    if not 2 <= len(left) <= min(_MOST_LINEAR, len(sample) // 2):
        return []
    low, middle, high = np.quantile(sample[:, left].astype(np.float64), (0.16, 0.5, 0.84), axis=0)
    spread = np.where(high > low, high - low, sample[:, left].std(0, dtype=np.float64))

    def usual(part: np.ndarray) -> np.ndarray:
        part = part.reshape(len(part), -1)[:, left].astype(np.float64)
        return part[(np.abs(part - middle) < _OUTLYING * spread).all(1)]

    values = usual(sample)
    if len(values) < 2 * len(left) or not np.ptp(values, 0).all():
        return []
    mean, std = values.mean(0), values.std(0)
    most = _LINEAR + float(((np.finfo(np.float32).eps * np.abs(values).max(0) / std) ** 2).max())
    values = (values - mean) / std
    variances, combinations = np.linalg.eigh(values.T @ values / len(values))
    flat = combinations[:, variances < most]
    if flat.shape[1] and len(sample) < len(x):
        squares = sum((((usual(part) - mean) / std @ flat) ** 2).sum(0) for _, part in chunks(x))
        flat = flat[:, squares / len(x) < 2 * most]
    if not flat.shape[1]:
        return []
    weight = np.linalg.norm(flat, axis=1)
    which = words(left[weight > _INVOLVED * weight.max()].tolist())
    return [
        f"{which} are linear in each other, {flat.shape[1]} of them determined by the others: "
        "a density is infinite there, leave what is determined out"
    ]


def _of_steps(x: np.ndarray, left: np.ndarray, words: _Words) -> list[str]:
    """Remarks on dimensions of integers, of values at equal steps and of values that repeat."""
    images = " (if they are images, save their levels as uint8)" if len(words.shape) > 1 else ""
    are_whole = integers(x[:, left])
    searched = left[~are_whole]
    partly = ""
    if len(searched) > _MOST_SEARCHED:
        partly = f"; {_MOST_SEARCHED:,} of {len(searched):,} were searched"
        searched = searched[np.linspace(0, len(searched) - 1, _MOST_SEARCHED, dtype=int)]
    steps = {i: step for i in searched.tolist() if (step := step_of(x[:, i])) is not None}
    found = []
    for group, what in ((left[are_whole].tolist(), "integers"), (list(steps), "values at equal steps")):
        if group:
            first = f" ({steps[group[0]]:.4g} in {words.name(group[0])}{partly})" if group[0] in steps else ""
            found.append(
                f"{words(group)} hold{'s' * (len(group) == 1)} {what}{first}: a density is infinite there "
                f"without {words.option(group)}{images}"
            )
    rest = np.array([i for i in searched.tolist() if i not in steps], int)
    if len(again := rest[has_ties(x[:, rest])]):
        values, counts = np.unique(x[:, again[0]], return_counts=True)
        found.append(
            f"{words(again.tolist())} repeat{'s' * (len(again) == 1)} values, as {values[counts.argmax()]:g} "
            f"in {counts.max()} of {len(x)} examples: a density is infinite there"
        )
    return found
