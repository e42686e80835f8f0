"""Training on a stream that is larger than the disk, in an order that does not depend on the number of processes.

A stream of Hugging Face `datasets` comes in *pieces* (its shards), which are divided into L *lanes*: L divides the
number of pieces and the batch size, and row j of every batch comes from lane j L // B. So a batch depends on the data,
the batch size and the seed, but not on the number of processes, and a process opens only the lanes of its rows.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from ndm.base.errors import InputError, reason
from ndm.data.batches import FLIPS, Batch, Batches, batches_of
from ndm.data.dataset import DataSet, Split
from ndm.data.formats import tables
from ndm.data.hub.lanes import Lane
from ndm.data.hub.rows import Decoder, Row, TableDecoder
from ndm.data.labels import Labels, classes
from ndm.data.lazy import Examples

_DEFAULTS = {"validation": 1000, "test": 1000, "buffer": 4096, "lanes": 16}
_MOST = 2**24
_SAMPLE = 1000  # of the training examples, in memory
_PIECES = 1024  # at most: a folder of a million images is a million shards
_STEPS_KEPT = 8  # of a lane: batches are asked for ahead, in several threads, and twice
_THREADS = 8


Tell = Callable[[list[Row]], np.ndarray]


class Source:
    """A stream, its pieces, and the examples at the beginning of each that are held out."""

    def __init__(self, name: str, stream: Any) -> None:
        self.name, self.stream = name, stream
        self.pieces = min(stream.num_shards, _PIECES)
        self.held: dict[int, int] = {}  # by piece

    def read(self, piece: int, after: int) -> Iterator[Row]:
        """Read the training examples of a piece, without the first `after`; skipped examples are not decoded."""
        return self._read(piece, self.held.get(piece, 0) + after)

    def _read(self, piece: int, after: int) -> Iterator[Row]:
        number = after
        try:
            part = self.stream.shard(num_shards=self.pieces, index=piece, contiguous=False)
            for values in part.skip(after) if after else part:
                yield Row(values, f"{self.name}, piece {piece + 1}, example {number + 1}")
                number += 1
        except Exception as error:  # of the network, of Arrow, of the file system: all mean the same
            raise InputError(
                f"{self.name}, whose piece {piece + 1} cannot be read at example {number + 1} ({reason(error)[:200]})",
                "a stream that goes on",
                "the same command resumes a run",
            ) from error

    def hold(self, number: int, parts: int) -> tuple[list[Row], list[Row]]:
        """Take the first `number` examples, which `read` leaves out from now on, and some that it does not.

        They come from the first `parts` pieces alike, so that lanes stay about equal, and from others where those hold
        too few. Raises `InputError` where all do.
        """
        parts = min(self.pieces, parts)
        held: list[Row] = []
        seen: list[Row] = []
        for piece in range(self.pieces):
            if len(held) == number and len(seen) == _SAMPLE:
                break
            source = self._read(piece, 0)
            mine = list(islice(source, min(ceil(number / parts), number - len(held))))
            self.held[piece] = len(mine)
            held += mine
            seen += islice(source, min(ceil(_SAMPLE / parts), _SAMPLE - len(seen)))
        if len(held) < number or not seen:
            raise InputError(
                f"{self.name}, a stream of few examples ({number} are to be held out)",
                "some to train on beside them",
                "hold fewer out, by validation= and test=",
            )
        return held, seen


@dataclass(frozen=True, eq=False, kw_only=True)
class Stream(Split):
    """A split to train on, streamed by `batches`. `x`, `y` and `cond` are those of a sample of it, in memory.

    The sample is what a model sees of the data before it is trained, and what is shown and evaluated of them. `tell`
    gives what a model is told of rows, `cond`, where that is known.
    """

    source: Source
    decode: Decoder
    tell: Tell | None
    buffer: int
    lanes: int
    about: str

    @property
    def number(self) -> int | None:
        return None

    def every(self) -> Examples:
        raise InputError(
            "all of a stream",
            "a split of it, or data that are got whole",
            "say --split test, or leave streaming=true out",
        )

    def stamps(self) -> Iterator[bytes]:
        yield f"{self.about} {self.source.pieces};".encode()
        yield from super().stamps()


class StreamedBatches(Batches):
    """`Batches` of a stream: correct in any order, fast where they are asked for nearly in order."""

    def __init__(self, split: Stream, batch_size: int, seed: int, *, flip: bool = False) -> None:
        super().__init__(split, batch_size, seed, flip=flip)
        self.decode, pieces = split.decode, split.source.pieces
        self.tell = None if split.cond is None else split.tell
        number = max(n for n in range(1, split.lanes + 1) if pieces % n == 0 and batch_size % n == 0)
        self.per_lane = batch_size // number  # rows of a batch
        self._lengths: dict[str, int] = {}
        self.lanes = [
            Lane(
                split.source.read,
                i,
                range(i, pieces, number),
                self._lengths,
                seed=seed,
                window=max(1, split.buffer // number),
                kept=_STEPS_KEPT * self.per_lane,
            )
            for i in range(number)
        ]
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="lanes")

    def fetch(self, step: int, first: int, last: int) -> tuple[Batch, np.ndarray]:
        lanes = range(first // self.per_lane, (last - 1) // self.per_lane + 1)
        found = self._pool.map(lambda i: self._of_lane(i, step, first, last), lanes)
        rows = [row for part in found for row in part]
        batch = Batch(self.decode(rows), None if self.tell is None else self.tell(rows))
        flips = np.random.default_rng((self.seed, step, 0, 0, FLIPS)).random(self.batch_size) < (0.5 * self.flip)
        return batch, flips[first:last]

    def _of_lane(self, i: int, step: int, first: int, last: int) -> list[Row]:
        """Take those of rows first..last-1 of the batch that are lane i's."""
        begin = (step - i) * self.per_lane  # what row 0 would be
        return self.lanes[i].take(begin + max(first, i * self.per_lane), begin + min(last, (i + 1) * self.per_lane))

    def shown(self, step: int) -> Batch:
        first = slice(self.batch_size)  # a process that has not the lanes of all rows would have to open them
        return Batch(self.split.x[first], None if self.split.cond is None else self.split.cond[first])

    def state(self) -> dict[str, int]:
        return dict(self._lengths)

    def load(self, state: dict[str, int]) -> None:
        self._lengths.update(state)


@batches_of.register
def _(split: Stream, batch_size: int, seed: int, *, flip: bool = False) -> StreamedBatches:
    return StreamedBatches(split, batch_size, seed, flip=flip)


def sizes(given: dict[str, Any]) -> dict[str, int]:
    """Check the options of a stream and fill in defaults; raises `InputError` for what is not a number.

    validation, test   examples that are held out for them, in memory
    buffer             examples that are shuffled at a time, in memory, all lanes together
    lanes              at most so many: what several processes read, and what one process reads at the same time
    """
    for option, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
            raise InputError(f"the option {option}={value}", f"a number from 1 to {_MOST}")
    return _DEFAULTS | given


def streamed(
    name: str,
    stream: Any,
    decoder: Callable[[list[Row]], Decoder],
    *,
    about: str,
    label: str | None,
    unlabelled: Any,
    missing: int | None,
    called: Sequence[str] | None,
    condition: tuple[str, ...],
    notes: tuple[str, ...],
    validation: int,
    test: int,
    buffer: int,
    lanes: int,
) -> DataSet:
    """Make a data set of a stream: the first examples, in memory, are validation and test, the others are for training.

    decoder   makes, of the first rows, what decodes all of them
    about     what tells this stream from others, for the fingerprint
    label     the column of classes; `unlabelled` and `missing` as in `classes`, whose `names` are `called`
    condition what a model is told, as in `tables.told`
    notes     what else is said of the data

    Raises `InputError` for streams that cannot be read, or are too short.
    """
    source = Source(name, stream)
    held, seen = source.hold(validation + test, lanes)
    held = [held[i] for i in np.random.RandomState(0).permutation(len(held))]  # neighbours may be alike
    rows = seen + held
    decode = decoder(rows)
    x, first, second = decode(rows), len(seen), len(seen) + validation
    label, given = tables.told(Path(name), _table(rows, condition, label), label, condition)
    labels = classes(
        None if label is None else [row.values[label] for row in rows],
        lambda i: f"{rows[i].where}, column {label!r}",
        unlabelled=unlabelled,
        missing=missing,
        names=called,
    )
    tell = _teller(name, rows, labels, label, given)
    every = Split(x, labels.numbers, tell(rows) if tell and condition else None)
    sample, validating, testing = (
        every.take(part) for part in (slice(first), slice(first, second), slice(second, None))
    )
    training = Stream(
        sample.x,
        sample.y,
        sample.cond,
        source=source,
        decode=decode,
        tell=tell,
        buffer=buffer,
        lanes=lanes,
        about=about,
    )
    note = f"train is a stream of {source.pieces} pieces, of which {first} examples are looked at"
    return DataSet(
        name,
        training,
        validating,
        testing,
        num_levels=256 if x.dtype == np.uint8 else None,
        num_classes=len(labels.names),
        source=about,
        notes=(*decode.notes, *labels.notes, note, *notes),
        columns=decode.names,
        classes=labels.names,
        condition=condition,
    )


def _table(rows: list[Row], condition: tuple[str, ...], label: str | None) -> dict[str, list[Any]]:
    """The columns of rows that tell of them."""
    names = [name for name in (*condition, label) if name is not None and name in rows[0].values]
    return {name: [row.values[name] for row in rows] for name in names}


def _teller(name: str, first: list[Row], labels: Labels, label: str | None, given: list[str]) -> Tell | None:
    """Make the function that gives class numbers of rows, or numbers in the columns `given`; None if unknown."""
    if given:
        return TableDecoder(first, name=name, columns=given, constant=tables.TELLS_NOTHING)
    if label is None:
        return None
    return lambda rows: labels.of((row.values[label] for row in rows), lambda i: f"{rows[i].where}, column {label!r}")
