"""Deterministic, resumable shuffling of a stream that comes in pieces."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ndm.base.errors import InputError

_PIECES, _WINDOW = 2, 3  # tell the random numbers of the two orders from each other, and from those of flips

Read = Callable[[int, int], Iterator[Any]]  # (piece, n): the examples of the piece after its first n


class Lane:
    """An endless sequence of the examples of some pieces, epoch after epoch.

    The order of the pieces in an epoch, and the shuffling of their examples in windows of `window`, are functions of
    (seed, lane, epoch) and of the place. So the lane can go on at any example without those before it: pieces of known
    length are skipped unread, and within a piece only the window is kept. While a window is handed out the next is
    read, one example for one.

    Several threads may ask, in any order; examples more than `kept` behind the latest, or ahead of it, are read anew.

    Args:
        read: gives the examples of a piece, without its first ones where that is asked.
        number: which lane this is, for the seed.
        pieces: the numbers of its pieces.
        lengths: the number of examples of a piece, by its number as text (JSON); lengths that are learned are added.
    """

    def __init__(
        self,
        read: Read,
        number: int,
        pieces: Sequence[int],
        lengths: dict[str, int],
        *,
        seed: int,
        window: int,
        kept: int,
    ) -> None:
        self.read, self.number, self.pieces, self.lengths = read, number, pieces, lengths
        self.seed, self.window, self.kept = seed, window, kept
        self._lock = threading.Lock()
        self._source: Iterator[Any] | None = None
        self._found: deque[Any] = deque()
        self._first = 0  # the number of the first in `_found`

    def take(self, first: int, last: int) -> list[Any]:
        """Return examples first..last-1; raises the errors of `read`, and `InputError` where there are no examples."""
        with self._lock:
            if self._source is None or not self._first <= first <= self._first + len(self._found) + self.kept:
                self._first = max(0, first - self.kept)  # the one before may be asked for next, by another thread
                self._source = self._examples(self._first)
                self._found.clear()
            try:
                self._found.extend(islice(self._source, max(0, last - self._first - len(self._found))))
            except BaseException:
                self._source = None  # a generator that failed has ended: who asks again begins again
                raise
            found = list(islice(self._found, first - self._first, last - self._first))
            while len(self._found) > max(self.kept, last - first):
                self._found.popleft()
                self._first += 1
            return found

    def _examples(self, number: int) -> Iterator[Any]:
        """Iterate over all examples from `number` on; an epoch of unknown length was not read to its end yet."""
        while True:
            length = self._length()
            if length == 0:
                raise InputError(
                    f"{len(self.pieces)} pieces of a stream without examples to train on",
                    "at least one",
                    "hold fewer out, by validation= and test=, or name fewer lanes=",
                )
            epoch, place = (0, number) if length is None else divmod(number, length)
            for example in self._epoch(epoch, place):
                yield example
                number += 1

    def _length(self) -> int | None:
        """The number of examples in an epoch; None while that of a piece is unknown."""
        lengths = [self.lengths.get(str(piece)) for piece in self.pieces]
        return None if None in lengths else sum(each or 0 for each in lengths)

    def _epoch(self, epoch: int, place: int) -> Iterator[Any]:
        """Iterate over an epoch from `place` on; nothing where it is shorter, and its length is known then."""
        k, skipped = divmod(place, self.window)
        source = self._in_pieces(epoch, k * self.window)
        found = list(islice(source, self.window))
        while found:
            order = self._random(epoch, k, _WINDOW).permutation(len(found))
            coming: list[Any] = []
            for i in order.tolist():
                coming.extend(islice(source, 1))
                if skipped:
                    skipped -= 1
                else:
                    yield found[i]
            found, k = coming, k + 1

    def _in_pieces(self, epoch: int, after: int) -> Iterator[Any]:
        """Iterate over an epoch before shuffling, without the first `after` examples."""
        for piece in self._random(epoch, 0, _PIECES).permutation(self.pieces).tolist():
            length = self.lengths.get(str(piece))
            if length is not None and length <= after:
                after -= length
                continue
            count = 0 if length is None else after  # a piece of unknown length is counted
            for example in self.read(piece, count):
                count += 1
                if count > after:
                    yield example
            after = max(0, after - count)
            self.lengths[str(piece)] = count

    def _random(self, epoch: int, window: int, what: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.number, epoch, window, what))
