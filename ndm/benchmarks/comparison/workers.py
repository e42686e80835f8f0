"""Processes that work on a list of jobs: one core and one thread each, and none takes the others down."""

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Self, TypeVar

import torch

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks of PyTorch

Task = TypeVar("Task")
Function = Callable[[Task], dict[str, Any]]


@dataclass(frozen=True)
class Trouble:
    """Why a job has no result."""

    reason: str


class Worker(Generic[Task]):
    """A process, the connection to it, and the job that it is at."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.job: Task | None = None
        self._start()

    def _start(self) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, self.index), daemon=True)
        self.process.start()
        theirs.close()  # so that the end of the process ends the connection

    def give(self, function: Function[Task], job: Task) -> None:
        """Let it work on the job; start it anew if it has ended."""
        if not self.process.is_alive():
            self.connection.close()
            self._start()
        self.job = job
        self.connection.send((function, job))

    def take(self) -> dict[str, Any] | Trouble:
        """The outcome of its job, which must be there or its process gone."""
        self.job = None
        try:
            outcome: dict[str, Any] | Trouble = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return Trouble(f"its process ended with exit code {self.process.exitcode}")
        return outcome

    def stop(self) -> None:
        """End it now, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.connection.close()


class Workers:
    """`number` processes, alive within the context."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.workers: list[Worker[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        for worker in self.workers:
            worker.stop()

    def map(self, function: Function[Task], jobs: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any] | Trouble]]:
        """Each job and its outcome, as they come."""
        waiting = deque(jobs)
        while len(self.workers) < min(self.number, len(jobs)):
            self.workers.append(Worker(len(self.workers)))
        while True:
            for worker in self.workers:
                if worker.job is None and waiting:
                    worker.give(function, waiting.popleft())
            busy = {worker.connection: worker for worker in self.workers if worker.job is not None}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                assert worker.job is not None
                yield worker.job, worker.take()


def _serve(connection: Connection, index: int) -> None:
    """Answer (function, job) by function(job), or by what went wrong, until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal: the parent sees to it
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # the bars of their trainings
        while True:
            try:
                function, job = connection.recv()
            except EOFError:
                return
            try:
                outcome = function(job)
            except KeyboardInterrupt:
                return
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                outcome = Trouble(
                    f"{type(error).__name__}: {error} ({os.path.basename(place.filename)}, line {place.lineno})"
                )
            try:
                connection.send(outcome)
            except BrokenPipeError:  # the parent process is gone
                return
