"""Processes that work on a list of jobs: one core and one thread each, and none takes the others down."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from queue import SimpleQueue
from typing import Any, Self, TypeVar

import torch
from joblib.externals.loky import ProcessPoolExecutor

from ndm.base.errors import reason

Task = TypeVar("Task")
Function = Callable[[Task], dict[str, Any]]


@dataclass(frozen=True)
class Trouble:
    """Why a job has no result."""

    reason: str


Outcome = dict[str, Any] | Trouble


class Workers:
    """`number` processes, alive within the context; 0: this process does the work."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pools: dict[int, ProcessPoolExecutor] = {}  # of one process each, so that one may end alone

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        for pool in list(self.pools.values()):
            _end(pool)

    def map(self, function: Function[Task], jobs: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Each job and its outcome, as they come."""
        if not self.number:
            yield from ((job, _outcome(function, job)) for job in jobs)
            return
        free: SimpleQueue[int] = SimpleQueue()
        for index in range(self.number):
            free.put(index)

        def outcome(job: Task) -> tuple[Task, Outcome]:
            """Wait for the process that does the job."""
            index = free.get()
            try:
                if index not in self.pools:
                    self.pools[index] = ProcessPoolExecutor(1, initializer=_begin, initargs=(index,))
                return job, self.pools[index].submit(_outcome, function, job).result()
            except BrokenProcessPool as error:
                self.pools.pop(index).shutdown()
                return job, Trouble(_of_the_end(error))
            finally:
                free.put(index)

        with ThreadPool(self.number) as threads:
            yield from threads.imap_unordered(outcome, jobs)


def in_new_process(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Return function(*arguments) of a new process, which has all cores and ends with it.

    Raises what the function raises, and `ProcessEnded` where the process ends before, as without memory.
    """
    pool = ProcessPoolExecutor(1, initializer=_begin_quietly)
    try:
        found: dict[str, Any] = pool.submit(function, *arguments).result()
        return found
    except BrokenProcessPool as error:
        raise ProcessEnded(_of_the_end(error)) from error
    finally:
        _end(pool)


class ProcessEnded(RuntimeError):
    """A process ended before it had a result."""


def _end(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool now, whatever they are doing."""
    pids = list(pool._processes)
    try:
        pool.shutdown(kill_workers=True)
    except RuntimeError:  # it was interrupted before the thread that looks after them had started
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _of_the_end(error: BrokenProcessPool) -> str:
    """How a process ended."""
    said = str(error)
    return next((line for line in said.splitlines() if "exit code" in line), said)


def _outcome(function: Function[Task], job: Task) -> Outcome:
    """function(job), or what went wrong."""
    try:
        return function(job)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Trouble(f"{reason(error)} ({os.path.basename(place.filename)}, line {place.lineno})")


def _begin(index: int) -> None:
    """Set up a worker with one thread on its core."""
    _begin_quietly()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})


def _begin_quietly() -> None:
    """Leave Ctrl-C, which goes to every process, to the parent, and keep the bars of trainings from the screen."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  as long as the process is there
