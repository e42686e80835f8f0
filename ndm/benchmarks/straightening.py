"""What the kinetic energy in the objective does to the paths: straighter, cheaper, and still to the data?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from ndm.benchmarks.comparison.aggregate import Mean, mean, plain
from ndm.benchmarks.comparison.machine import machines, made_on
from ndm.benchmarks.comparison.resumable import Resumable, of_data
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.stage import check_whole, rows_of, run_stage
from ndm.benchmarks.comparison.tables import figure
from ndm.benchmarks.comparison.workers import Workers
from ndm.benchmarks.paths.figure import picture
from ndm.benchmarks.paths.job import FEW, PathJob, execute
from ndm.evaluation.wasserstein import require_transport

_FIGURES = {
    "energy": "energy",
    "displacement": "displacement",
    "straightness": "straightness",
    "optimal": "exact OT",
    "w2": "W2²",
    "floor": "floor",
}
_LIKELIHOODS = {"excess": "ODE - truth", "nelbo": "NELBO"}
Cells = dict[str, dict[str, list[dict[str, Any]]]]  # rows by data and contender


@dataclass(frozen=True)
class PathStudy:
    """One data set with all its contenders, for seeds 0 to `seeds` - 1."""

    data: str
    weights: tuple[float | None, ...]
    seeds: int
    seconds: float


@dataclass(frozen=True)
class Straightening(Resumable):
    """What `--kinetic-weight` does to paths: their energy, length and straightness, and where they end."""

    plan: ClassVar[tuple[PathStudy, ...]] = tuple(
        PathStudy(data, (None, 0.0, 0.3, 1.0), seeds=3, seconds=20) for data in ("8gaussians", "moons")
    )

    out: Path = Path("benchmarks/straightening")
    """Folder of rows.jsonl, results.json, tables.md and paths.png."""

    def chosen(self) -> tuple[PathStudy, ...]:
        """The studies that are asked for."""
        require_transport()
        return tuple(
            replace(study, seconds=study.seconds * self.scale) for study in of_data(self.plan, self.data, self.scale)
        )

    def work(self, plan: Sequence[PathStudy], rows: Rows, workers: Workers) -> None:
        """Train and measure what has no row yet."""
        run_stage("straightening", execute, _jobs(plan), rows, workers)
        check_whole(_jobs(plan), rows, (*_FIGURES, *_LIKELIHOODS, "few", "paths", "machine"))

    def write(self, plan: Sequence[PathStudy], rows: Rows) -> int:
        """results.json, tables.md and paths.png; returns how many jobs have no row."""
        found = rows_of(_jobs(plan), rows)
        if found:
            cells = _cells(_jobs(plan), rows)
            figures = {
                data: {
                    contender: {name: plain(value) for name, value in _means(own).items()}
                    for contender, own in contenders.items()
                }
                for data, contenders in cells.items()
            }
            results = {"command": self.command, "machines": machines(found), "cells": figures}
            tables = [f"`{self.command}`", made_on(found), *(_markdown(data, own) for data, own in cells.items())]
            panels = [
                [(f"{data}, {name}", own[0]) for name, own in contenders.items()] for data, contenders in cells.items()
            ]
            self.write_files(
                {
                    "results.json": (json.dumps(results, indent=1) + "\n").encode(),
                    "tables.md": ("\n\n".join(tables) + "\n").encode(),
                    "paths.png": picture(panels),
                }
            )
            for data, contenders in cells.items():
                _show(data, contenders)
        return len(_jobs(plan)) - len(found)

    def summary(self, plan: Sequence[PathStudy]) -> str:
        """The number of trainings and the time they take."""
        jobs = _jobs(plan)
        seconds = sum(job.weight for job in jobs)
        return (
            f"{len(jobs)} trainings, {seconds:.0f} CPU seconds, {seconds / self.workers / 60:.0f} minutes on "
            f"{self.workers} workers; evaluation comes on top"
        )


def _jobs(plan: Sequence[PathStudy]) -> list[PathJob]:
    """Contenders follow each other, seeds come last: what is done is always balanced."""
    most = max(study.seeds for study in plan)
    return [
        PathJob(study.data, weight, study.seconds, seed)
        for seed in range(most)
        for study in plan
        for weight in study.weights
        if seed < study.seeds
    ]


def _cells(jobs: Sequence[PathJob], rows: Rows) -> Cells:
    cells: Cells = {}
    for job in jobs:
        if job.key in rows.by_key:
            cells.setdefault(job.data, {}).setdefault(job.contender, []).append(rows.by_key[job.key])
    return cells


def _means(rows: Sequence[dict[str, Any]]) -> dict[str, Mean]:
    """Of every figure, by its heading."""
    plain = {heading: mean([row[name] for row in rows]) for name, heading in (_FIGURES | _LIKELIHOODS).items()}
    few = {f"W2², {steps} steps": mean([row["few"][str(steps)] for row in rows]) for steps in FEW}
    return plain | few


def _markdown(data: str, contenders: dict[str, list[dict[str, Any]]]) -> str:
    means = {name: _means(rows) for name, rows in contenders.items()}
    lines = [f"## {data}", "", f"| | {' | '.join(means)} |", "|---" * (len(means) + 1) + "|"]
    lines += [
        f"| {name} | {' | '.join(figure(own[name]) for own in means.values())} |" for name in next(iter(means.values()))
    ]
    return "\n".join(lines)


def _show(data: str, contenders: dict[str, list[dict[str, Any]]]) -> None:
    """The table on screen, without errors."""
    means = {name: _means(rows) for name, rows in contenders.items()}
    table = Table(data, *(Column(name, justify="right") for name in means), box=SIMPLE)
    for name in next(iter(means.values())):
        table.add_row(name, *(f"{own[name].value:.3f}" for own in means.values()))
    Console().print(table)
