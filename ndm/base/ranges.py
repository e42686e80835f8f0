"""Whether numbers are in their ranges: counts, rates, shapes."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from ndm.base.errors import InputError


def check_count(name: str, number: Any, least: int | None = None, most: int | None = None, advice: str = "") -> None:
    """Raise `InputError` unless the argument called `name` is a whole number, from `least` to `most`."""
    is_whole = isinstance(number, int) and not isinstance(number, bool)
    bounds = _words(("at least", least), ("at most", most))
    if not (is_whole and (least is None or number >= least) and (most is None or number <= most)):
        raise InputError(f"{name} = {number!r}", ", ".join(["a whole number", *bounds]), advice)


def check_number(
    name: str,
    number: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    advice: str = "",
) -> None:
    """Raise `InputError` unless the argument called `name` is a finite number within these bounds."""
    value = _as_float(number)
    is_fine = (
        math.isfinite(value)
        and (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
        and (below is None or value < below)
    )
    if not is_fine:
        bounds = _words(("at least", least), ("above", above), ("at most", most), ("below", below))
        raise InputError(f"{name} = {number!r}", ", ".join(["a finite number", *bounds]), advice)


def check_shape(event_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of an event as a tuple; raises `InputError` unless it holds whole numbers, all positive."""
    shape = tuple(event_shape)
    if not shape or any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in shape):
        raise InputError(
            f"event_shape {shape}",
            "one or more positive sizes",
            "give the shape of one example, without the batch",
        )
    return shape


def _as_float(number: Any) -> float:
    """A number as a float; NaN for what is no number, or beyond all floats."""
    if isinstance(number, bool) or not isinstance(number, Real):
        return math.nan
    try:
        return float(number)
    except OverflowError:
        return math.nan


def _words(*bounds: tuple[str, float | None]) -> list[str]:
    return [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
