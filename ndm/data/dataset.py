"""Data sets: checked examples, whole or in three fixed splits, and what is known about their density."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np

from ndm.base.errors import InputError
from ndm.data.labels import NO_CLASS
from ndm.data.lazy import Examples, Joined, Lazy, chunks, rows_of, stamps_of_values
from ndm.data.remarks import remarks


def parted(files: np.ndarray, sizes: Sequence[int], name: str) -> list[np.ndarray]:
    """Split positions at random, always alike, into parts of about these sizes, with those of one file in one part.

    Frames of an animation are so alike that a model that was trained on some has seen the others. Raises `InputError`
    where there are fewer of `files` (N,) than parts.
    """
    own, inverse, counts = np.unique(files, return_inverse=True, return_counts=True)
    if len(own) < len(sizes):
        raise InputError(
            f"{name}: {len(files)} examples from {len(own)} files",
            f"{len(sizes)} files or more, as the frames of one are not divided",
            "save the frames as files of their own",
        )
    # RandomState is frozen (NEP 19): this permutation is the same under every version of numpy.
    random = np.random.RandomState(0)
    order = random.permutation(len(own))
    reached, ends = np.cumsum(counts[order]), [0]
    for k, wanted in enumerate(np.cumsum(sizes)[:-1]):  # the nearest end of a file, with one at least for each part
        free = np.arange(ends[-1] + 1, len(own) - len(sizes) + k + 2)
        ends.append(int(free[np.abs(reached[free - 1] - wanted).argmin()]))
    parts = np.split(np.argsort(np.argsort(order)[inverse], kind="stable"), reached[np.array(ends[1:]) - 1])
    return parts if len(own) == len(files) else [random.permutation(part) for part in parts]


SPLITS = ("train", "validation", "test")
CONDITION = "condition"  # the keyword argument of a loader that can find what a model is told
LABEL = "label"  # as a condition: the class, whatever its column is called
FEWEST = 10  # below this an 80/10/10 split has an empty part


@dataclass(frozen=True, eq=False)
class Split:
    """Examples `x` (N, *event), in memory or not, and what is known of them beside their values.

    y      class numbers (N,), -1 for an example without a class; None without labels
    cond   what a model is told of each example, by which it is conditional: class numbers (N,), int64, or real values
           (N, C), float32; None where it is told nothing
    """

    x: Any  # Examples: what has the interface of an array as far as rows go
    y: np.ndarray | None = None
    cond: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def number(self) -> int | None:
        """The number of examples; None where it is not known."""
        return len(self)

    def take(self, rows: slice | np.ndarray) -> "Split":
        """Some of the examples, with all that is known of them."""
        y, cond = (None if each is None else each[rows] for each in (self.y, self.cond))
        return Split(rows_of(self.x, rows), y, cond)

    def cut(self, sizes: tuple[int, int, int]) -> tuple["Split", "Split", "Split"]:
        """Cut rows into train, validation and test, in their order."""
        train, validation, test = (self.take(slice(start, end)) for start, end in pairwise(np.cumsum((0, *sizes))))
        return train, validation, test

    def given_labels(self) -> Self:
        """The examples, of which a model is told the class."""
        return replace(self, cond=None if self.y is None else self.y.astype(np.int64))

    def order(self) -> np.ndarray:
        """Make a random order of the examples, (N,), always the same.

        Toys have their classes in turn, so that neighbours are less alike than independent examples.
        """
        return np.random.default_rng(0).permutation(len(self))

    def every(self) -> Examples:
        """Return all examples; raises `InputError` where only some of them are in memory."""
        found: Examples = self.x
        return found

    def stamps(self) -> Iterator[bytes]:
        """Bytes that change with any example."""
        yield from self.x.stamps() if isinstance(self.x, Lazy) else stamps_of_values(self.x)


@dataclass(frozen=True, eq=False)
class DataSet:
    """Three splits of one data set, checked when it is made.

    name, source   its name; where it comes from, and under which licence
    num_levels     images, uint8 (N, C, H, W) of values 0..num_levels-1; None: real, float32 (N, *event)
    num_classes    labels are integers (N,) in 0..num_classes-1, or -1 for no class; 0: there are no labels
    classes        the name of each class; its number where there is no other
    condition      what a model is told of each example: `label`, or the names of the columns of `Split.cond`
    log_density    where the truth is known: x (N, *event) -> log p(x) in nats, float64 (N,)
    notes          notes that are printed wherever the data are used; the `remarks` on train are added
    reading        the options with which other data are read as these were, e.g. columns by name
    columns        of a table, the names of its dimensions

    Raises `InputError` for arrays of another type or shape, NaN or infinite values, levels or labels out of
    range and empty splits.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    num_levels: int | None
    num_classes: int
    source: str
    log_density: Callable[[np.ndarray], np.ndarray] | None = None
    notes: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", self.classes or tuple(map(str, range(self.num_classes))))
        if len(self.classes) != self.num_classes:
            raise InputError(f"{self.name}: {len(self.classes)} names of classes", f"{self.num_classes}, one for each")
        for part in SPLITS:
            split, where = self.split(part), f"{self.name} {part}"
            check_values(split.x, self.num_levels, where)
            check_labels(split.y, len(split), self.num_classes, where)
            check_condition(split, self.condition, where)
            if split.x.shape[1:] != self.event_shape:
                raise InputError(f"{where} of event shape {split.x.shape[1:]}", f"train's {self.event_shape}")
        notes = dict.fromkeys((*self.notes, *remarks(self.train.x, self.columns)))  # once, where data are made of data
        object.__setattr__(self, "notes", tuple(notes))

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.train.x.shape[1:]

    @property
    def is_image(self) -> bool:
        """Whether examples are images of integer levels (likelihoods in bits/dim) or real (in nats)."""
        return self.num_levels is not None

    def divided(self) -> "DataSet":
        """Return itself: it is in splits already."""
        return self

    def conditioned(self, condition: tuple[str, ...]) -> "DataSet":
        """The data for a model that is told `condition`: nothing, or `label`, or what these data are read with.

        Raises `InputError` for what is not known of them.
        """
        if condition in ((), self.condition):
            return self
        if condition != (LABEL,):
            raise no_condition(condition, self.name)
        if not self.num_classes:
            raise no_labels(self.name)
        splits: dict[str, Any] = {part: self.split(part).given_labels() for part in SPLITS}
        return replace(self, condition=condition, **splits)

    def whole(self) -> "Whole":
        """Join the splits, one after the other; raises `InputError` where one of them is streamed."""
        splits = [self.split(name) for name in SPLITS]
        y = None if self.num_classes == 0 else np.concatenate([split.y for split in splits if split.y is not None])
        cond = None if not self.condition else np.concatenate([s.cond for s in splits if s.cond is not None])
        return Whole(
            self.name,
            Split(Joined([split.every() for split in splits]), y, cond),
            self.num_levels,
            self.source,
            self.notes,
            self.reading,
            self.columns,
            classes=self.classes,
            condition=self.condition,
        )

    def split(self, name: str) -> Split:
        """Return the split called `name`."""
        if name not in SPLITS:
            raise InputError(f"split {name!r}", "one of " + ", ".join(SPLITS))
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value, label, type, shape or with the split."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:  # a pass over all of the data
        digest = hashlib.sha256()
        for part in SPLITS:
            split = self.split(part)
            digest.update(f"{part} ".encode())
            for stamp in split.stamps():
                digest.update(stamp)
            if split.y is not None:
                digest.update(f"{part} ".encode())
                for stamp in stamps_of_values(split.y.astype(np.int64)):
                    digest.update(stamp)
            for stamp in stamps_of_condition(split, self.classes):
                digest.update(stamp)
        return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Whole:
    """All examples of a file or a folder, in its order, before they are split.

    name, source, num_levels, notes, reading, columns, classes, condition   as of `DataSet`; no remarks are made of them
    left_out    names of columns and splits that exist and are in no example
    files       (N,) the number of the file of each example, where some come from one: they are not divided
    objection   why no model can be trained on these; one that was trained on others can be evaluated on them
    unlabelled  why they have no class numbers, where there are labels
    """

    name: str
    examples: Split
    num_levels: int | None
    source: str
    notes: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    objection: InputError | None = None
    files: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()
    unlabelled: InputError | None = None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.examples.x.shape[1:]

    def whole(self) -> "Whole":
        """Return itself: it is whole already."""
        return self

    def conditioned(self, condition: tuple[str, ...]) -> "Whole":
        """Condition the data like `DataSet.conditioned`."""
        if condition in ((), self.condition):
            return self
        if condition != (LABEL,):
            raise no_condition(condition, self.name)
        if self.examples.y is None:
            raise self.unlabelled or no_labels(self.name)
        return replace(self, condition=condition, examples=self.examples.given_labels())

    def divided(self) -> DataSet:
        """Split into 80 % train, 10 % validation, 10 % test, by a permutation that depends only on their number.

        Examples of one file stay together. Raises `InputError` for too few examples or files, and where no model can
        be trained on them.
        """
        return self._divided

    @cached_property
    def _divided(self) -> DataSet:
        if self.objection is not None:
            raise self.objection
        number = len(self.examples)
        if number < FEWEST:
            raise InputError(
                f"{self.name}: {number} examples", f"{FEWEST} or more", "add some: they are split 80/10/10"
            )
        tenth = number // 10
        files = np.arange(number) if self.files is None else self.files
        parts = parted(files, (number - 2 * tenth, tenth, tenth), self.name)
        order = np.concatenate(parts)
        train, validation, test = self.examples.take(order).cut((len(parts[0]), len(parts[1]), len(parts[2])))
        return DataSet(
            self.name,
            train,
            validation,
            test,
            num_levels=self.num_levels,
            num_classes=len(self.classes),
            source=self.source,
            notes=self.notes,
            reading=self.reading,
            columns=self.columns,
            classes=self.classes,
            condition=self.condition,
        )

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value, type, shape, condition or with the order."""
        digest = hashlib.sha256(b"all ")
        for stamp in (*self.examples.stamps(), *stamps_of_condition(self.examples, self.classes)):
            digest.update(stamp)
        return digest.hexdigest()[:16]


def stamps_of_condition(split: Split, classes: tuple[str, ...]) -> Iterator[bytes]:
    """Bytes that change with what a model is told of any example, names of classes included; none where it is not."""
    if split.cond is not None:
        yield b"condition "
        yield f"{classes if split.cond.ndim == 1 else ()} ".encode()
        yield from stamps_of_values(split.cond)


class NoCondition(InputError):
    """Raised for data that do not have what a model is told of each example."""


def no_labels(name: str) -> NoCondition:
    """Make the error for labels of data that have none."""
    return NoCondition(
        f"no labels in {name}",
        "a class for each example",
        "name their column by --data-options label=NAME, put images into a folder for each class, or save labels under "
        "the key y of an .npz file",
    )


def no_condition(condition: tuple[str, ...], name: str) -> NoCondition:
    """Make the error for columns of data that are not a table."""
    return NoCondition(
        f"the condition {', '.join(condition)} of {name}",
        f"{LABEL}, the class of each example, or columns of a table (.csv, .parquet)",
        "say --condition label, or leave it out",
    )


def check_values(x: Examples, num_levels: int | None, where: str) -> None:
    """Raise `InputError` unless `x` is uint8 (N, C, H, W) below `num_levels`, or finite float32."""
    if not isinstance(x, Examples):
        raise InputError(f"{where}: {type(x).__name__}", "a numpy array")
    if num_levels is None:
        check_type(x, np.dtype(np.float32), "real values", where)
        if x.ndim < 2:
            raise InputError(
                f"{where} of shape {x.shape}",
                "(N, D) or (N, *event)",
                "write x[:, None] for numbers, and cut one long signal into examples with x.reshape(-1, LENGTH)",
            )
    else:
        check_type(x, np.dtype(np.uint8), "images", where)
        if x.ndim != 4:
            raise InputError(f"{where} of shape {x.shape}", "images (N, C, H, W)", "add a channel axis with x[:, None]")
        if not 2 <= num_levels <= 256:
            raise InputError(f"{where} with {num_levels} levels", "2 to 256 levels")
    if x.size == 0:
        raise InputError(f"{where} of shape {x.shape}, which holds nothing", "at least one example and one dimension")
    if num_levels == 256:  # any byte is a level: images need not be decoded to know
        return
    count, first = 0, ""
    for start, part in chunks(x):
        wrong = ~np.isfinite(part) if num_levels is None else part >= num_levels
        if wrong.any() and not count:
            row, *place = (int(i) for i in np.unravel_index(wrong.argmax(), part.shape))
            first = f"x{[start + row, *place]}"
        count += int(wrong.sum())
    if count:
        what = "NaN or infinite" if num_levels is None else f"above {num_levels - 1}"
        expected = "finite values only" if num_levels is None else f"levels 0..{num_levels - 1}"
        raise InputError(
            f"{where}: {count} value{'s' * (count > 1)} {what}, the first at {first}",
            expected,
            "remove or repair these examples",
        )


def check_type(x: Examples, dtype: np.dtype, what: str, where: str) -> None:
    """Raise `InputError` unless `x` is of type `dtype`."""
    if x.dtype != dtype:
        raise InputError(
            f"{where} of type {x.dtype}",
            f"{what} of type {dtype}",
            f"convert with x.astype(np.{dtype}) if that is what they are",
        )


def check_labels(y: np.ndarray | None, num_examples: int, num_classes: int, where: str) -> None:
    """Raise `InputError` unless `y` is (N,) integers in 0..num_classes-1 or -1, or None without classes."""
    if y is None:
        if num_classes:
            raise InputError(f"{where} without labels", f"labels of {num_classes} classes")
        return
    if y.dtype.kind not in "iu" or y.shape != (num_examples,):
        raise InputError(
            f"{where}: labels of type {y.dtype} and shape {y.shape}",
            f"one integer for each example, ({num_examples},)",
        )
    wrong = (y < NO_CLASS) | (y >= num_classes)
    if wrong.any() or not num_classes:
        raise InputError(
            f"{where}: label y[{wrong.argmax()}] = {y[wrong.argmax()]}",
            f"0..{num_classes - 1}, or {NO_CLASS} for no class" if num_classes else "no labels, as num_classes is 0",
        )


def check_condition(split: Split, condition: tuple[str, ...], where: str) -> None:
    """Raise `InputError` unless `cond` is the class numbers, for `label`, or finite float32 (N, C), or None."""
    cond = split.cond
    if (cond is None) == bool(condition):
        raise InputError(
            f"{where}: the condition {condition} {'without' if cond is None else 'with'} values of it", "both or none"
        )
    if cond is None or (cond.ndim == 1 and split.y is not None and np.array_equal(cond, split.y)):
        return
    if cond.dtype != np.float32 or cond.ndim != 2 or len(cond) != len(split) or not np.isfinite(cond).all():
        raise InputError(
            f"{where}: a condition of type {cond.dtype} and shape {cond.shape}",
            f"the class numbers, or finite values (N, C) of type float32 for {len(split)} examples",
        )
