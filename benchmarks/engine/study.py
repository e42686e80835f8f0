"""A study of many jobs: its options, that the same command goes on where it was stopped, and the files it writes."""

import dataclasses
import json
import shlex
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.engine.machine import made_on
from benchmarks.engine.rows import KEPT, Row, Rows, compressed, read_rows
from benchmarks.engine.workers import Trouble, Workers
from ndm.base.errors import InputError
from ndm.base.files import make_folder, write_atomically
from ndm.base.progress import ProgressBar

Report = tuple[Sequence[str], Mapping[str, bytes]]
_BULK = ("config", "per_example")  # what no table or figure is made from


@dataclass(frozen=True)
class Task:
    """For dataclasses of plain data: the work that becomes one row."""

    @property
    def key(self) -> str:
        """All fields in one line: two jobs of the same key are the same."""
        return " ".join(f"{name}={value}" for name, value in vars(self).items())

    @property
    def weight(self) -> float:
        """CPU seconds, about."""
        return getattr(self, "seconds", None) or 1.0


@dataclass(frozen=True)
class Stage:
    """Jobs that can be done at the same time, each a row."""

    name: str
    function: Callable[[Any], Row]
    jobs: Sequence[Task]
    fields: tuple[str, ...] = ()
    """What every row has."""
    figures: tuple[str, ...] = ()
    """What every row has that did not fail."""
    configuration: Callable[[Any], Row] | None = None
    """What a job trains, as plain data: rows of another one are refused."""
    require: Callable[[Any], None] | None = None
    """Raises `InputError` where something is gone that a job needs which has no row yet."""

    def check(self, rows: Mapping[str, Row], path: Path) -> None:
        """Raise `InputError` for a row that lacks what is read later, or is of recipes as they were."""
        for job in self.jobs:
            row = rows.get(job.key)
            if row is None:
                if self.require:
                    self.require(job)
                continue
            needed = (*self.fields, *(() if "failed" in row else self.figures))
            needed += ("config",) if self.configuration else ()
            if missing := [name for name in needed if name not in row]:
                got = f"{path} with a row for {job.key} that lacks {', '.join(missing)}"
                raise InputError(got, "rows as they were written", "remove the line: its job is done again")
            now = json.loads(json.dumps(self.configuration(job))) if self.configuration else {}
            if changed := [name for name in now if name not in row["config"] or now[name] != row["config"][name]]:
                got = f"{path} with another {', '.join(changed)} for {job.key}"
                raise InputError(got, "rows of the recipes and contenders as they are", "choose another --out folder")

    def run(self, rows: Rows, workers: Workers) -> None:
        """Make the rows that are not there yet."""
        left = [job for job in self.jobs if job.key not in rows.by_key]
        whole, done, began = sum(job.weight for job in left), 0.0, time.monotonic()
        if left:
            print(f"{self.name}: {len(left)} of {len(self.jobs)} to do", file=sys.stderr)
        with ProgressBar(self.name) as bar:
            for number, (job, outcome) in enumerate(workers.map(self.function, left), 1):
                if isinstance(outcome, Trouble):
                    print(f"benchmarks: no result for {job.key}: {outcome.reason}", file=sys.stderr)
                else:
                    rows.add({"key": job.key} | asdict(job) | outcome)
                done += job.weight
                minutes = (time.monotonic() - began) * (whole / done - 1) / 60
                bar.update(done / whole, f"{number}/{len(left)}, {minutes:.0f} min left")


@dataclass(frozen=True)
class Study(ABC):
    """Does the jobs of its stages that have no row yet, one after the other, then writes what the rows say.

    A study is a subclass in a file or folder of its name. By default its last stage is the one that is reported.
    """

    out: Path | None = None
    """Folder of rows.jsonl and of what it says: tables.md and pictures; results/NAME if not given."""
    rows: Path | None = None
    """A file of rows, such as docs/results/NAME/rows.jsonl.gz: write what it says, and do nothing else."""
    dry_run: bool = False
    """Print what would be done, and how long it would take."""

    @abstractmethod
    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        """The stages one after the other, each with the jobs that follow from the rows of those before it."""

    @abstractmethod
    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        """Paragraphs in Markdown and PNG by file name, of rows by the name of their stage; the last one has some."""

    def has_report(self, rows: Mapping[str, list[Row]]) -> bool:
        """Whether there is something to say of the rows, by the name of their stage: some of the last one."""
        return bool(rows[list(rows)[-1]])

    def check(self) -> None:
        """Raise `InputError` for wrong options and whatever is not at hand: before anything is done."""
        return None

    def keep(self, rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
        """The rows, by the name of their stage, with all that tables and figures are made from, and no more."""
        return {
            name: [{figure: row[figure] for figure in row if figure not in _BULK} for row in own]
            for name, own in rows.items()
        }

    def run(self) -> int:
        """Do what is left, and write. Exit code 1 where jobs are left without a result."""
        if self.rows is not None:
            kept = read_rows(self.rows)
            for stage in self.stages(kept):
                replace(stage, configuration=None, require=None).check(kept, self.rows)
            return self._write(kept)
        if self.dry_run:
            print(self.summary())
            return 0
        self.check()
        with Rows(self.folder) as rows:
            try:
                with Workers(self.side_by_side) as workers:
                    for stage in self.stages(rows.by_key):
                        stage.check(rows.by_key, rows.path)
                        stage.run(rows, workers)
            except KeyboardInterrupt:
                self._write(rows.by_key)  # what there is, is balanced
                raise
            return self._write(rows.by_key)

    def summary(self) -> str:
        """The jobs of each stage and their time."""
        loads, number = self.loads(), max(self.side_by_side, 1)
        lines = [f"{name}: {jobs} jobs, {seconds:.0f} CPU seconds" for name, jobs, seconds in loads]
        whole = sum(seconds for *_, seconds in loads)
        last = f"all: {whole:.0f} CPU seconds, {whole / number / 3600:.2f} hours on {number} workers"
        return "\n".join([*lines, f"{last}; evaluation comes on top"])

    def loads(self) -> list[tuple[str, int, float]]:
        """The name of each stage, the number of its jobs and the seconds of all of them, about."""
        return [(stage.name, len(stage.jobs), sum(job.weight for job in stage.jobs)) for stage in self.stages({})]

    def _write(self, by_key: Mapping[str, Row]) -> int:
        """Write what the rows say; returns the exit code."""
        stages = list(self.stages(by_key))
        missing = sum(job.key not in by_key for stage in stages for job in stage.jobs)
        found = {stage.name: [by_key[job.key] for job in stage.jobs if job.key in by_key] for stage in stages}
        if self.has_report(found):
            kept = self.keep(found)
            paragraphs, pictures = self.report(kept)
            made = [row for row in kept[stages[-1].name] if "machine" in row] or kept[stages[0].name]
            text = "\n\n".join([f"`{self.command}`", made_on(made), *paragraphs]) + "\n"
            rows = compressed(row for own in kept.values() for row in own)
            files = {KEPT: rows, "tables.md": text.encode(), **pictures}
            make_folder(self.folder)
            for name, content in files.items():
                write_atomically(self.folder / name, content)
            print(f"{text}\nwritten to {self.folder}: {', '.join(files)}")
        if missing:
            print(f"{missing} jobs have no result; the same command tries them again")
        return 1 if missing else 0

    @property
    def side_by_side(self) -> int:
        """That work side by side; 0: this one does all."""
        return 0

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.out or Path("results") / self.name

    @property
    def name(self) -> str:
        """That of its file or folder."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def command(self) -> str:
        """The command that gives these results, wherever it writes them: what is not left as it is by default."""
        words = ["python", "-m", "benchmarks", self.name]
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if value != each.default and each.name not in ("out", "rows", "workers", "cache"):
                values = value if isinstance(value, tuple) else (value,)
                words += [f"--{each.name.replace('_', '-')}", *map(str, values)]
        return shlex.join(words)
