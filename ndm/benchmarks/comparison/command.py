"""What the benchmarks that compare contenders share: their options, and the three files that they write."""

import dataclasses
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ndm.benchmarks.comparison.aggregate import Cell, as_json, cells, reference
from ndm.benchmarks.comparison.figure import picture
from ndm.benchmarks.comparison.plan import Plan, measurements, sizings, subset, tunings
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.stages import Outcome, collect, run_plan
from ndm.benchmarks.comparison.tables import markdown
from ndm.benchmarks.comparison.workers import Workers
from ndm.data import load
from ndm.errors import InputError
from ndm.files import write_atomically

_MOST_WORKERS = 1024


@dataclass(frozen=True)
class Comparison:
    """Trains every contender of a plan; the same command again goes on where it was stopped.

    A benchmark is a subclass with a `plan`, the table of what is compared, in a file of its name.
    """

    plan: ClassVar[Plan]

    out: Path
    """Folder of rows.jsonl, results.json, tables.md and figure.png."""
    workers: int = 2
    """Processes, one core and one thread each."""
    data: tuple[str, ...] = ()
    """Only these of the plan's data."""
    timesteps: tuple[int, ...] = ()
    """Only these of the plan's T; 0: continuous time."""
    scale: float = 1.0
    """Factor on all budgets of training; 0.01 is a smoke test."""
    dry_run: bool = False
    """Print what would be done, and how long it would take."""

    def run(self) -> int:
        """Run what is left of the plan, and write the results. Exit code 1 where jobs are left without a result."""
        if not 1 <= self.workers <= _MOST_WORKERS:
            raise InputError(f"{self.workers} workers", f"1 to {_MOST_WORKERS}")
        plan = subset(self.plan, self.data, self.timesteps, self.scale)
        if self.dry_run:
            print(_summary(plan, self.workers))
            return 0
        for study in plan:
            load(study.data)  # data that are absent are missed now
        with Rows(self.out) as rows:
            try:
                with Workers(self.workers) as workers:
                    run_plan(plan, rows, workers)
            except KeyboardInterrupt:
                self._write(collect(plan, rows))  # what there is, is balanced
                raise
            outcome = collect(plan, rows)
            self._write(outcome)
        if outcome.missing:
            print(f"{outcome.missing} jobs have no result; the same command tries them again")
        return 1 if outcome.missing else 0

    def _write(self, outcome: Outcome) -> None:
        found = cells(outcome.rows)
        if not found:
            return
        told = ("data", "contender", "timesteps", "learning_rate", "total", "unit", "failed")
        trials = [{key: row.get(key) for key in told} for row in outcome.trials]
        machines = list({json.dumps(row["machine"]): row["machine"] for row in outcome.rows}.values())
        results = {
            "command": self.command, "machines": machines,
            "sizes": [{"data": data, "contender": name, "size": size} for (data, name), size in outcome.sizes.items()],
            "learning_rates": [{"data": data, "contender": name, "continuous_time": limit, "factor": factor}
                               for (data, name, limit), factor in outcome.rates.items()],
            "trials": trials, "missing": outcome.missing,
            "cells": [as_json(cell, reference(found, cell)) for cell in found],
        }
        tables = [f"`{self.command}`", _made_on(machines), markdown(found, outcome.rates, outcome.sizes)]
        files = {"results.json": (json.dumps(results, indent=1) + "\n").encode(),
                 "tables.md": "\n\n".join(tables).encode(),
                 "figure.png": self.picture(found)}
        for name, content in files.items():
            write_atomically(self.out / name, content)
        print(f"written to {self.out}: {', '.join(files)}")

    def picture(self, cells: Sequence[Cell]) -> bytes:
        """figure.png: the bound against T."""
        return picture(cells)

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


def _made_on(machines: list[dict[str, Any]]) -> str:
    """The machine, and the code; all of them where rows come from several, which are not to be compared blindly."""
    return "\n".join(f"Made on {m['cores']} cores of an {m['processor']}, Python {m['python']}, PyTorch {m['torch']}, "
                     f"ndm {m['ndm']}, code {m['code']}." for m in machines)


def _summary(plan: Plan, workers: int) -> str:
    """The size of a plan, by data set and stage, before it is run."""
    sizes, trials, jobs = sizings(plan), tunings(plan, {}), measurements(plan, {}, {})
    lines = []
    for study in plan:
        own = [job for job in jobs if job.data == study.data]
        lines.append(f"{study.data}: {len(own)} trainings, {sum(job.weight for job in own):.0f} CPU seconds; "
                     f"contenders {', '.join(study.contenders)}")
    seconds = [sum(job.weight for job in stage) for stage in (trials, jobs)]
    lines += [f"sizes: {len(sizes)} searches",
              f"learning rates: {len(trials)} trainings, {seconds[0]:.0f} CPU seconds",
              f"measurements: {len(jobs)} trainings, {seconds[1]:.0f} CPU seconds",
              f"all: {len(trials) + len(jobs)} trainings, {sum(seconds):.0f} CPU seconds, "
              f"{sum(seconds) / workers / 3600:.2f} hours on {workers} workers; evaluation comes on top"]
    return "\n".join(lines)
