"""The order of training examples, as a function of the seed and of how many have been seen."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from ndm.base.errors import InputError
from ndm.data.dataset import Split

FLIPS = 1  # tells the random numbers of flips from those of the order


class Batch(NamedTuple):
    """Examples, and what a model is told of them: class numbers (B,), real values (B, C), or None for nothing."""

    x: np.ndarray
    cond: np.ndarray | None


class Batches:
    """Batches in shuffled order: `batches[k]` is examples k B .. (k + 1) B - 1 of an endless sequence of epochs.

    Every epoch is a permutation made from (seed, epoch), so that training resumes at any batch without going through
    those before. With `flip`, images (N, C, H, W) are flipped from left to right in half of their appearances, by a
    draw that belongs to (seed, epoch) and the place in the epoch.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, *, flip: bool = False) -> None:
        if batch_size < 1:
            raise InputError(f"batch size {batch_size}", "at least 1")
        if flip and split.x.ndim != 4:
            raise InputError(f"flips of examples of shape {split.x.shape[1:]}", "images (C, H, W)", "leave --flip out")
        self.split, self.batch_size, self.seed, self.flip = split, batch_size, seed, flip
        self._epochs: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = threading.Lock()

    def _epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Make the order of an epoch, and choose which of its places are flipped: (N,) each."""
        with self._lock:
            if epoch not in self._epochs:
                for old in sorted(self._epochs)[:-2]:  # a batch may straddle two epochs, and the next be prefetched
                    del self._epochs[old]
                order = np.random.default_rng((self.seed, epoch)).permutation(len(self.split))
                flips = (
                    np.random.default_rng((self.seed, epoch, FLIPS)).random(len(order)) < 0.5
                    if self.flip
                    else np.zeros(len(order), bool)
                )
                self._epochs[epoch] = order, flips
            return self._epochs[epoch]

    def __getitem__(self, step: int) -> Batch:
        return self.rows(step, 0, self.batch_size)

    def rows(self, step: int, first: int, last: int) -> Batch:
        """Make rows first..last-1 of `batches[step]`, the slice of one process; nothing else is fetched."""
        if not 0 <= first < last <= self.batch_size:
            raise InputError(f"rows {first}..{last - 1} of a batch", f"some of 0..{self.batch_size - 1}")
        batch, flipped = self.fetch(step, first, last)
        if flipped.any():
            batch.x[flipped] = batch.x[flipped][..., ::-1]
        return batch

    def fetch(self, step: int, first: int, last: int) -> tuple[Batch, np.ndarray]:
        """Fetch the examples of these rows unflipped, and say which of them are to be flipped."""
        epochs, places = np.divmod(step * self.batch_size + np.arange(first, last), len(self.split))
        found = [(*self._epoch(epoch), places[epochs == epoch]) for epoch in np.unique(epochs).tolist()]
        rows = np.concatenate([order[own] for order, _, own in found])
        batch = Batch(self.split.x[rows], None if self.split.cond is None else self.split.cond[rows])
        return batch, np.concatenate([flips[own] for _, flips, own in found])

    def shown(self, step: int) -> Batch:
        """Make a batch to look at, the same in every process."""
        return self[step]

    def state(self) -> dict[str, int]:
        """What was learned about the data so far, saved with a run so that resuming need not learn it again."""
        return {}

    def load(self, state: dict[str, int]) -> None:
        """Load the states that all processes of a run saved."""


@singledispatch
def batches_of(split: Split, batch_size: int, seed: int, *, flip: bool = False) -> Batches:
    """Make the batches to train on, in an order that is a function of the seed; another kind of split registers its."""
    return Batches(split, batch_size, seed, flip=flip)


class Prefetched:
    """Makes `batch(step)` for step, step + 1, ... ahead of time in background threads: `ahead` batches at most.

    `get(step)` waits for that batch and raises the error that making it raised; `fails(step)` tells beforehand.
    `waited` is the fraction of the time since the first `get` that was spent waiting. Use it in a `with` block, or call
    `close()`.
    """

    def __init__(self, batch: Callable[[int], Any], first: int = 0, *, ahead: int = 4, threads: int = 2) -> None:
        if ahead < 1 or threads < 1:
            raise InputError(f"{ahead} batches ahead in {threads} threads", "at least 1 of each")
        self.batch, self.ahead = batch, ahead
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batches")
        self._made: dict[int, Future[Any]] = {}
        self._seconds, self._began = 0.0, None
        self._plan(first)

    _began: float | None

    def _plan(self, step: int) -> None:
        for past in [each for each in self._made if not step <= each < step + self.ahead]:
            self._made.pop(past).cancel()
        for coming in range(step, step + self.ahead):
            if coming not in self._made:
                self._made[coming] = self._pool.submit(self.batch, coming)

    def get(self, step: int) -> Any:
        """Return the batch of this step, and begin to make the next ones."""
        self._began = time.perf_counter() if self._began is None else self._began
        self._plan(step)
        return self._awaited(step).result()

    def fails(self, step: int) -> bool:
        """Whether `get` will raise an error for this step, one of those that are made ahead of the latest `get`."""
        return self._awaited(step).exception() is not None

    def _awaited(self, step: int) -> Future[Any]:
        made = self._made[step]
        if not made.done():
            began = time.perf_counter()
            wait([made])
            self._seconds += time.perf_counter() - began
        return made

    @property
    def waited(self) -> float:
        """The fraction of the time, 0..1, that was spent in `get`."""
        return 0.0 if self._began is None else self._seconds / max(time.perf_counter() - self._began, 1e-9)

    def close(self) -> None:
        """Stop the threads; batches that are being made are finished and dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "Prefetched":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
