"""One stage of a plan: its jobs that have no row yet are done, and each becomes a row."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from ndm.base.errors import InputError
from ndm.base.progress import ProgressBar
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.workers import Trouble, Workers

Row = dict[str, Any]


class Task(Protocol):
    """A job as a dataclass of plain data."""

    @property
    def key(self) -> str:
        """All fields in one line: two jobs of the same key are the same."""

    @property
    def weight(self) -> float:
        """CPU seconds, about."""


def run_stage(what: str, function: Callable[[Any], Row], jobs: Sequence[Task], rows: Rows, workers: Workers) -> None:
    """Make the rows of these jobs that are not in the file."""
    left = [job for job in jobs if job.key not in rows.by_key]
    whole, done, began = sum(job.weight for job in left), 0.0, time.monotonic()
    if left:
        print(f"{what}: {len(left)} of {len(jobs)} to do", file=sys.stderr)
    with ProgressBar(what) as bar:
        for number, (job, outcome) in enumerate(workers.map(function, left), 1):
            if isinstance(outcome, Trouble):
                print(f"ndm: no result for {job.key}: {outcome.reason}", file=sys.stderr)
            else:
                rows.add({"key": job.key} | asdict(job) | outcome)  # type: ignore[call-overload]
            done += job.weight
            minutes = (time.monotonic() - began) * (whole / done - 1) / 60
            bar.update(done / whole, f"{number}/{len(left)}, {minutes:.0f} min left")


def rows_of(jobs: Sequence[Task], rows: Rows) -> list[Row]:
    """The rows that these jobs have, in their order."""
    return [rows.by_key[job.key] for job in jobs if job.key in rows.by_key]


def check_whole(jobs: Sequence[Task], rows: Rows, fields: Sequence[str]) -> None:
    """Raise `InputError` for a row that lacks one of the fields that are read later."""
    for job in jobs:
        missing = [name for name in fields if name not in rows.by_key.get(job.key, dict.fromkeys(fields))]
        if missing:
            raise InputError(
                f"{rows.path} with a row for {job.key} that lacks {', '.join(missing)}",
                "rows as they were written",
                "remove the line: its job is done again",
            )
