"""A benchmark of many jobs: its options, and that the same command goes on where it was stopped."""

import dataclasses
import math
import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ndm.base.errors import InputError
from ndm.base.files import write_atomically
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.workers import Workers
from ndm.data import load

_MOST_WORKERS = 1024


class _OfData(Protocol):
    """A part of a plan."""

    @property
    def data(self) -> str:
        """The name of its data."""


Part = TypeVar("Part", bound=_OfData)


def of_data(plan: Sequence[Part], data: Sequence[str], scale: float) -> list[Part]:
    """The parts of a plan with these data (nothing: all).

    Raises `InputError` where a name is not in the plan, and for a factor on its budgets that is not positive.
    """
    if not 0 < scale < math.inf:
        raise InputError(f"scale = {scale}", "a positive number")
    known = {part.data for part in plan}
    for name in data:
        if name not in known:
            raise InputError(f"data {name!r}", "some of " + ", ".join(sorted(known)))
    return [part for part in plan if part.data in data or not data]


@dataclass(frozen=True)
class Resumable(ABC):
    """Does the jobs of a plan that have no row yet, then writes what the rows say."""

    out: Path
    """Folder of rows.jsonl, results.json, tables.md and figure.png."""
    workers: int = 2
    """Processes, one core and one thread each."""
    data: tuple[str, ...] = ()
    """Only these of the plan's data."""
    scale: float = 1.0
    """Factor on all budgets of training; 0.01 is a smoke test."""
    dry_run: bool = False
    """Print what would be done, and how long it would take."""

    @abstractmethod
    def chosen(self) -> Any:
        """The plan that the options ask for: a sequence of parts, each with its `data`; `InputError` for wrong ones."""

    @abstractmethod
    def summary(self, plan: Any) -> str:
        """The size of the plan, before it is run."""

    @abstractmethod
    def work(self, plan: Any, rows: Rows, workers: Workers) -> None:
        """Do what has no row yet."""

    @abstractmethod
    def write(self, plan: Any, rows: Rows) -> int:
        """Write what the rows say; returns how many jobs have none."""

    def run(self) -> int:
        """Run what is left of the plan, and write the results. Exit code 1 where jobs are left without a result."""
        if not 1 <= self.workers <= _MOST_WORKERS:
            raise InputError(f"{self.workers} workers", f"1 to {_MOST_WORKERS}")
        plan = self.chosen()
        if self.dry_run:
            print(self.summary(plan))
            return 0
        for part in plan:
            load(part.data)  # data that are absent are missed now
        with Rows(self.out) as rows:
            try:
                with Workers(self.workers) as workers:
                    self.work(plan, rows, workers)
            except KeyboardInterrupt:
                self.write(plan, rows)  # what there is, is balanced
                raise
            missing = self.write(plan, rows)
        if missing:
            print(f"{missing} jobs have no result; the same command tries them again")
        return 1 if missing else 0

    def write_files(self, files: dict[str, bytes]) -> None:
        """Write these into the folder, and say so."""
        for name, content in files.items():
            write_atomically(self.out / name, content)
        print(f"written to {self.out}: {', '.join(files)}")

    @property
    def command(self) -> str:
        """The command that gives these results, with what is not left as it is by default."""
        words = ["ndm", "benchmark", type(self).__module__.rpartition(".")[2]]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                values = value if isinstance(value, tuple) else (value,)
                words += [f"--{field.name.replace('_', '-')}", *map(str, values)]
        return shlex.join(words)
