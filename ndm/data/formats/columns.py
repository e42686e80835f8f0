"""Columns of a table: numbers written as text, and cells that are lists as several columns."""

import datetime
import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np

from ndm.base.errors import InputError

_NUMBER = re.compile(r"[ \t]*[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|nan|inf|infinity)[ \t]*", re.IGNORECASE)


def number_of(text: str) -> float | None:
    """Parse a number, or return None: it may have a sign, a point, an exponent, and blanks around it.

    The words nan, inf and infinity are the numbers that are not finite. Not read are `3_21`, `0x1F`, `1,5` and
    the digits of other alphabets.
    """
    return float(text) if _NUMBER.fullmatch(text) else None


Where = Callable[[int], str]

_KINDS: dict[type | tuple[type, ...], tuple[str, str]] = {  # what else a column may hold, and what to do with it
    bool: ("a truth value", "write 0 and 1, or take the column as label=NAME"),
    (datetime.date, datetime.time, datetime.timedelta): ("a date or time", "write it as a number, e.g. of days"),
    (bytes, bytearray): ("binary data", "decode it to numbers"),
    dict: ("a struct", "write each of its fields as a column"),
    (list, tuple, np.ndarray): ("a list", "write each of its values as a column, or lists of one length in every row"),
}


def numbers(values: Sequence[Any], where: Where) -> np.ndarray:
    """Convert a column to float64: (N,), or (N, n) for lists of n numbers.

    Raises `InputError`, which names value i as where(i), for what is no finite number and for lists of other lengths.
    """
    if not len(values) or not _is_list(values[0]):
        return _numbers(values, where)
    width = len(values[0])
    for i, value in enumerate(values):
        if not _is_list(value) or len(value) != width or not width:
            what = f"a list of {len(value)}" if _is_list(value) else repr(value)
            raise InputError(
                f"{where(i)}: {what}",
                f"{width or 'some'} numbers, as in the first row",
                "make all lists equally long, or choose other columns=[...]",
            )
    flat = list(chain.from_iterable(values))
    return _numbers(flat, lambda i: f"{where(i // width)}, value [{i % width}]").reshape(len(values), width)


def expanded(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Expand each column (N, n) to n columns name[0], name[1], ..."""
    found: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        found |= {part: column.reshape(len(column), -1)[:, i] for i, part in enumerate(parts(name, column))}
    return found


def parts(name: str, column: np.ndarray) -> list[str]:
    """The names of the columns that a column is expanded to."""
    return [name] if column.ndim == 1 else [f"{name}[{i}]" for i in range(column.shape[1])]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _numbers(values: Sequence[Any], where: Where) -> np.ndarray:
    found = np.empty(len(values))
    for i, value in enumerate(values):
        number = _number(value)
        if number is None:
            raise _no_number(value, where(i))
        if not math.isfinite(number):
            raise InputError(f"{where(i)}: {value}", "a finite number", "remove or repair this row")
        found[i] = number
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return number_of(value)
    if isinstance(value, int | float | Decimal | np.integer | np.floating) and not isinstance(value, bool):
        return float(value)
    return None


def _no_number(value: Any, where: str) -> InputError:
    for kind, (what, advice) in _KINDS.items():
        if isinstance(value, kind):
            return InputError(
                f"{where}: {what}, {str(value)[:60]}", "a number", f"{advice}, or leave the column out by columns=[...]"
            )
    words = isinstance(value, str) and value.strip()
    return InputError(
        f"{where}: {value!r}",
        "a number",
        "choose other columns=[...], "
        + "label=NAME of this column if its words are classes, " * bool(words)
        + "or repair it",
    )
