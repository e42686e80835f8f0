"""Dequantisation: noise as wide as a step on values at equal steps, so that they have a density."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ndm.base.errors import InputError
from ndm.data.formats.lattice import at_steps, step_of


class Noise(NamedTuple):
    """Noise that was chosen for a column of other data: its width, and the name to which it belongs there."""

    step: float
    name: str


def dequantised(
    columns: dict[str, np.ndarray], wanted: Any, where: str, cell: Callable[[str, int], str]
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Add noise to the columns (N,) that are `wanted`; also returns the width of the noise on each of these.

    wanted   True for all at equal steps; or their names, where name stands for name[0], name[1], ... as well; or the
             `Noise` of each by its name, where these data are read like others
    cell     what messages call value i of a column

    The noise belongs to the name, the same every time. Raises `InputError` for names that are no columns, for columns
    that are not at equal steps, or not at those that are given, and where True finds none.
    """
    if wanted is None or wanted is False or wanted == [] or wanted == {}:
        return columns, {}
    is_known = isinstance(wanted, dict) and all(isinstance(each, Noise) for each in wanted.values())
    noise = _like_others(columns, wanted, cell) if is_known else _found(columns, wanted, where)
    noisy = {name: columns[name] + step * _uniform(own, len(columns[name])) for name, (step, own) in noise.items()}
    return columns | noisy, {name: step for name, (step, _) in noise.items()}


def _found(columns: dict[str, np.ndarray], wanted: Any, where: str) -> dict[str, Noise]:
    """Choose the noise of the wanted columns, of one step each."""
    names = list(columns) if wanted is True else _named(columns, wanted, where)
    steps = {name: step_of(columns[name]) for name in names}
    if wanted is not True and (other := [name for name in names if steps[name] is None]):
        raise InputError(
            f"dequantise={other[:3]} of {where}",
            "columns of integers, or of values at equal steps",
            "leave it out, or say dequantise=true for all that are",
        )
    found = {name: Noise(step, name) for name, step in steps.items() if step is not None}
    if not found:
        raise InputError(f"dequantise={wanted} of {where}, which has no values at equal steps", "some", "leave it out")
    return found


def _like_others(
    columns: dict[str, np.ndarray], wanted: dict[str, Noise], cell: Callable[[str, int], str]
) -> dict[str, Noise]:
    """Take the noise of other data for columns at its steps; absent columns are left to the matching of columns."""
    found = {name: noise for name, noise in wanted.items() if name in columns}
    for name, (step, _) in found.items():
        if len(off := np.flatnonzero(~at_steps(columns[name], step))):
            raise InputError(
                f"{cell(name, off[0])}: {columns[name][off[0]]:g}",
                f"values at steps of {step:g}, as in the run's own data, which are dequantised",
            )
    return found


def _uniform(name: str, number: int) -> np.ndarray:
    """Draw U(0, 1) from RandomState, which is frozen (NEP 19): the same under every version of NumPy.

    The seed is the sha256 of the name. Its bytes themselves would not do: RandomState repeats a key to the length of
    its state and adds to each number its place, so that [49] and [49, 48], "1" and "10", are one key.
    """
    seed = np.frombuffer(hashlib.sha256(name.encode()).digest(), "<u4")
    noise: np.ndarray = np.random.RandomState(seed).random_sample(number)
    return noise


def _named(columns: dict[str, np.ndarray], wanted: Any, where: str) -> list[str]:
    own: dict[str, list[str]] = {}
    for name in columns:
        for stem in {name, name.rpartition("[")[0] or name}:
            own.setdefault(stem, []).append(name)
    names = list(map(str, wanted if isinstance(wanted, list) else [wanted]))
    if absent := [name for name in names if name not in own]:
        raise InputError(f"{where} without a column {absent[0]!r}", "one of " + listed(columns))
    return list(dict.fromkeys(part for name in names for part in own[name]))


def listed(names: Any) -> str:
    """List names, of many only the first."""
    known = list(map(str, names))
    return ", ".join(known[:20]) + f" and {len(known) - 20:,} more" * (len(known) > 20)
