"""What the benchmarks that compare contenders share: their options, and the three files that they write."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ndm.benchmarks.comparison.aggregate import REFERENCES, Cell, as_json, cells, reference
from ndm.benchmarks.comparison.figure import picture
from ndm.benchmarks.comparison.machine import machines, made_on
from ndm.benchmarks.comparison.plan import Plan, measurements, sizings, subset, tunings
from ndm.benchmarks.comparison.resumable import Resumable
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.stages import BOUNDS, Method, Outcome, collect, run_plan
from ndm.benchmarks.comparison.tables import markdown
from ndm.benchmarks.comparison.workers import Workers


@dataclass(frozen=True)
class Comparison(Resumable):
    """Trains every contender of a plan; the same command again goes on where it was stopped.

    A benchmark is a subclass with a `plan`, the table of what is compared, in a file of its name.
    """

    plan: ClassVar[Plan]
    method: ClassVar[Method] = BOUNDS
    references: ClassVar[tuple[str, ...]] = REFERENCES
    """Contenders that the others are compared with: the first that was run."""

    timesteps: tuple[int, ...] = ()
    """Only these of the plan's T; 0: continuous time."""

    def chosen(self) -> Plan:
        """The part of the plan that is asked for."""
        return subset(self.plan, self.data, self.timesteps, self.scale)

    def work(self, plan: Plan, rows: Rows, workers: Workers) -> None:
        """Do what is not done yet, stage by stage."""
        run_plan(plan, rows, workers, self.method)

    def write(self, plan: Plan, rows: Rows) -> int:
        """results.json, tables.md and pictures; returns how many jobs have no row."""
        outcome = collect(plan, rows)
        found = cells(outcome.rows)
        if not found:
            return outcome.missing
        told = ("data", "contender", "timesteps", "learning_rate", "total", "unit", "failed")
        results = {
            "command": self.command,
            "machines": machines(outcome.rows),
            "sizes": [{"data": data, "contender": name, "size": size} for (data, name), size in outcome.sizes.items()],
            "learning_rates": [
                {"data": data, "contender": name, "continuous_time": limit, "factor": factor}
                for (data, name, limit), factor in outcome.rates.items()
            ],
            "trials": [{key: row.get(key) for key in told} for row in outcome.trials],
            "missing": outcome.missing,
            "cells": [
                as_json(cell, reference(found, cell, self.references), self.method.figures + self.method.more)
                for cell in found
            ],
        }
        tables = [f"`{self.command}`", made_on(outcome.rows), self.tables(found, outcome)]
        self.write_files(
            {"results.json": (json.dumps(results, indent=1) + "\n").encode(), "tables.md": "\n\n".join(tables).encode()}
            | self.pictures(found)
        )
        return outcome.missing

    def tables(self, cells: Sequence[Cell], outcome: Outcome) -> str:
        """tables.md: bounds, differences and the quality of samples."""
        return markdown(cells, outcome.rates, outcome.sizes)

    def pictures(self, cells: Sequence[Cell]) -> dict[str, bytes]:
        """figure.png: the bound against T."""
        return {"figure.png": picture(cells)}

    def summary(self, plan: Plan) -> str:
        """The size of a plan, by data set and stage."""
        sizes, trials, jobs = sizings(plan), tunings(plan, {}), measurements(plan, {}, {})
        lines = []
        for study in plan:
            own = [job for job in jobs if job.data == study.data]
            lines.append(
                f"{study.data}: {len(own)} trainings, {sum(job.weight for job in own):.0f} CPU seconds; "
                f"contenders {', '.join(study.contenders)}"
            )
        seconds = [sum(job.weight for job in stage) for stage in (trials, jobs)]
        lines += [
            f"sizes: {len(sizes)} searches",
            f"learning rates: {len(trials)} trainings, {seconds[0]:.0f} CPU seconds",
            f"measurements: {len(jobs)} trainings, {seconds[1]:.0f} CPU seconds",
            f"all: {len(trials) + len(jobs)} trainings, {sum(seconds):.0f} CPU seconds, "
            f"{sum(seconds) / self.workers / 3600:.2f} hours on {self.workers} workers; "
            "evaluation comes on top",
        ]
        return "\n".join(lines)
