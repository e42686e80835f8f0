"""Split work over distributed processes and gather the results."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Self, TypeVar

import torch
from rich.console import Console
from torch import Tensor, distributed

from ndm.base import launcher
from ndm.base.errors import InputError
from ndm.base.noise import BatchSlice
from ndm.base.progress import ProgressBar

Result = TypeVar("Result")
_PATIENCE = timedelta(days=30)  # of a process whose examples are easy with one whose examples are hard


class Processes:
    """The processes that torchrun or accelerate launch started, or this process alone.

    Nothing is collective while examples are evaluated, so that an adaptive solver may take as long as it needs: the
    results, or the error, are gathered afterwards. They are small, and travel by gloo on every device.
    """

    def __init__(self) -> None:
        self.number, self.rank = launcher.number(), launcher.rank()
        self.group: distributed.ProcessGroup | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def join(self) -> Self:
        """Join the other processes in the existing process group, or in a new one."""
        if self.number > 1 and self.group is None:
            if not distributed.is_initialized():
                if torch.cuda.is_available():
                    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
                distributed.init_process_group("gloo")
            self.group = distributed.new_group(backend="gloo", timeout=_PATIENCE)
        return self

    def __enter__(self) -> Self:
        return self.join()

    def __exit__(self, *error: Any) -> None:
        if self.number > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    def slices(self, total: int, pieces: int) -> list[BatchSlice]:
        """The slices of a batch of `total` examples that this process computes, one after the other.

        Raises `InputError` for a batch that cannot be divided equally.
        """
        size, left = divmod(total, self.number * pieces)
        if left:
            raise InputError(
                f"batch_size = {total} for {self.number} processes, accumulate = {pieces}",
                "equal shares",
                f"make it a multiple of {self.number * pieces}",
            )
        return [BatchSlice((self.rank * pieces + i) * size, size, total) for i in range(pieces)]

    def progress_bar(self, what: str) -> ProgressBar:
        """Make one progress bar for all processes."""
        return ProgressBar(what, None if self.is_main else Console(quiet=True))

    def gather(self, value: Any) -> list[Any]:
        """Gather the values of all processes, in every process."""
        if self.number == 1:
            return [value]
        values = [None] * self.number
        distributed.all_gather_object(values, value, self.group)
        return values

    @contextlib.contextmanager
    def agreed(self) -> Iterator[None]:
        """Raise an error that one process meets inside in all of them, afterwards."""
        own = None
        try:
            yield
        except (InputError, FloatingPointError, OSError, MemoryError, RuntimeError) as error:
            own = error
        for met in self.gather(own):
            if met is not None:
                raise met

    def by_first(self, work: Callable[[], Result]) -> Result:
        """Call work() in the first process alone, and return its result, or raise its error, in all."""
        done = None
        with self.agreed():
            if self.is_main:
                done = work()
        found: Result = self.gather(done)[0]
        return found

    @contextlib.contextmanager
    def in_first(self, *contexts: AbstractContextManager[Any]) -> Iterator[None]:
        """Enter these contexts in the first process alone; an error of entering is raised in all."""
        with contextlib.ExitStack() as entered:
            with self.agreed():
                for context in contexts if self.is_main else ():
                    entered.enter_context(context)
            yield

    def collect(self, work: Callable[[int], Result], number: int, what: str, status: str) -> list[Result]:
        """Compute work(k) for k = 0 .. number - 1, each in one process, and collect the results in the first.

        They are in order; other processes, which may lack the memory, get nothing.
        `what` and `status` are the words at the progress bar.
        """
        mine = range(self.rank, number, self.number)
        done: list[Any] = []
        with self.progress_bar(what) as bar, self.agreed():
            for k in mine:
                done.append(work(k))
                bar.update(len(done) / len(mine), status)
        # One of each process at a time: what is on its way takes little room. The last round may lack some.
        done += [None] * (math.ceil(number / self.number) - len(done))
        return [result for own in done for result in self._to_first(own)][:number]

    def _to_first(self, value: Any) -> list[Any]:
        """Gather the values of all processes in the first; others get nothing."""
        if self.number == 1:
            return [value]
        values = [None] * self.number if self.is_main else None
        distributed.gather_object(value, values, group=self.group)
        return values or []

    def map(
        self, work: Callable[[int, Tensor], Sequence[Tensor]], x: Tensor, size: int, what: str, status: str
    ) -> Tensor:
        """Compute work(k, x_k) for the chunks x_k of `size` examples of x, each in one process.

        It returns rows of a number for each example; the result, (rows, N) of float64 in the order of x, is in every
        process.
        """
        chunks = x.split(size)

        def rows(k: int) -> Tensor:
            return torch.stack([row.double().cpu() for row in work(k, chunks[k])])

        parts = self.collect(rows, len(chunks), what, status)
        return self.by_first(lambda: torch.cat(parts, 1))
