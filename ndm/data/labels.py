"""Conversion of labels in any format to class numbers."""

import datetime
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.data.formats.columns import number_of
from ndm.data.lazy import option

NO_CLASS = -1  # in place of a class number, of an example without a label
MOST_CLASSES = 100_000  # what has more different labels is an identifier or a target, not a class
_NAMED = 10  # classes that a message lists
_LIKE_MISSING = {"na", "n/a", "<na>", "nan", "nat", "null", "none", "nil", "?", "-", "missing"}


class Labels(NamedTuple):
    """Class numbers of examples, and how labels are numbered.

    numbers   int64 (N,), -1 for no class; None of data without labels
    notes     what is to be said of them
    names     of the classes 0, 1, ..., as they are stored
    words     the number of every label as text, -1 for those that are none
    """

    numbers: np.ndarray | None
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    words: Mapping[str | None, int] = MappingProxyType({})

    def of(self, labels: Iterable[Any], where: Callable[[int], str]) -> np.ndarray:
        """The class numbers of further labels, int64 (N,); raises `InputError` for one that was not among the first."""
        stored = list(map(_plain, labels))
        words = [_word(label, where, i) for i, label in enumerate(stored)]
        for i, word in enumerate(words):
            if word not in self.words:
                raise InputError(
                    f"{where(i)}: the label {stored[i]!r}",
                    "one of " + ", ".join(self.names[:_NAMED]) + ", ..." * (len(self.names) > _NAMED),
                    "classes are those of the first examples: hold more of them out, by validation= and test="
                    if word is not None
                    else "repair it",
                )
        return np.array([self.words[word] for word in words], np.int64)


def classes(
    labels: Iterable[Any] | None,
    where: Callable[[int], str],
    *,
    unlabelled: Any = None,
    missing: int | None = None,
    names: Sequence[str] | None = None,
) -> Labels:
    """Number the labels 0, 1, ...; data without labels have none.

    Numbers come first, in their order, whether they are stored as such or as text; then words, in alphabetical order.
    None, NaN, NaT, empty text and the word nan among numbers are missing labels, and so is the number `missing`: by
    default -1 where it is the least of several numbers, but for -1 and 1 alone. They are refused, or with
    `unlabelled="keep"` numbered -1, which is no class. `names` says what the labels 0, 1, ... are called, where they
    are numbers that stand for words.

    Raises `InputError`, which names label i as where(i), for what is missing or cannot be a label.
    """
    keep = unlabelled is not None and option("unlabelled", unlabelled, ("keep",)) == "keep"
    if labels is None:
        if keep:
            raise InputError(
                "unlabelled=keep of data without labels",
                "labels",
                "name their column by label=NAME, or save them under the key y of an .npz file",
            )
        return Labels(None)
    stored = list(map(_plain, labels))
    words = [_word(label, where, i) for i, label in enumerate(stored)]
    counts = Counter(words)
    absent = _absent(counts, missing)
    if absent and not keep:
        i = next(i for i, word in enumerate(words) if word in absent)
        number = _number(words[i] or "") is not None
        raise InputError(
            f"{where(i)}: {stored[i]!r}, a missing label",
            "a label for each example",
            "repair it, or say unlabelled=keep to keep examples without a class"
            + ", or give that class another name" * number,
        )
    order = sorted((word for word in counts if word is not None and word not in absent), key=place_of)
    if not order:
        raise InputError(f"{where(0)} and all others without a label", "some with one", "leave the labels out")
    if len(order) > MOST_CLASSES:
        raise InputError(
            f"{where(0)} and others: {len(order):,} different labels",
            f"at most {MOST_CLASSES:,} classes",
            "an identifier or a target is no class",
        )
    numbers: dict[str | None, int] = {word: i for i, word in enumerate(order)}
    numbers |= dict.fromkeys(absent | ({None} if keep else set()), NO_CLASS)
    without = sum(counts[word] for word in absent)
    notes = [f"{without} of {len(words)} examples have no label"] * bool(absent) + _remarks(order, counts)
    called = tuple(order) if names is None else tuple(str(names[int(word)]) for word in order)
    return Labels(np.array([numbers[word] for word in words], np.int64), tuple(notes), called, numbers)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _word(label: Any, where: Callable[[int], str], i: int) -> str | None:
    """The label as text, the same for 2, 2.0 and "2"; None for no label."""
    if label is None or label != label:  # NaN and NaT are what does not equal itself
        return None
    if isinstance(label, float | Decimal):
        return str(int(label)) if math.isfinite(label) and label == int(label) else str(label)
    if isinstance(label, str):
        return label if label.strip() else None
    if isinstance(label, bool | int | datetime.date):
        return str(label)
    raise InputError(
        f"{where(i)}: {str(label)[:60]!r}, {a(label)}",
        "a number or a word as a label",
        "name another column",
    )


def _number(word: str) -> Decimal | None:
    number = number_of(word)
    return Decimal(word.strip()) if number is not None and math.isfinite(number) else None


def place_of(word: str) -> tuple[bool, Decimal, str]:
    """The sort key of a label: numbers first."""
    number = _number(word)
    return number is None, number or Decimal(0), word


def _absent(counts: Counter[str | None], missing: int | None) -> set[str | None]:
    """Find the words that are missing labels."""
    found: set[str | None] = {word for word in counts if word is None}
    numbers = {word: number for word in counts if word is not None and (number := _number(word)) is not None}
    words = counts.keys() - numbers.keys() - {None}
    if numbers and all(str(word).strip().lower() == "nan" for word in words):
        found |= words
        if missing is None and min(numbers.values()) == NO_CLASS and set(numbers.values()) not in ({-1}, {-1, 1}):
            missing = NO_CLASS
    return found | {word for word, number in numbers.items() if number == missing}


def _remarks(order: list[str], counts: Counter[str | None]) -> list[str]:
    """Remarks on possible mistakes: words for a missing label, numbers written in two ways, no classes."""
    notes = [
        f"the label {word!r} ({counts[word]} times) counts as a class: leave it empty where it means no label"
        for word in order
        if word.strip().lower() in _LIKE_MISSING
    ]
    for number, group in groupby(order, _number):
        if number is not None and len(same := list(group)) > 1:
            notes.append(
                f"the labels {' and '.join(map(repr, same))} are the same number, written differently: they "
                "count as different classes"
            )
    if len(order) > max(10, sum(counts.values()) / 2):
        notes.append(f"{len(order)} classes for {sum(counts.values())} examples: is this an identifier or a target?")
    return notes
