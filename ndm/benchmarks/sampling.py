"""How few evaluations are enough? The quality of samples of every sampler at equal numbers of evaluations."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from ndm.base.errors import InputError
from ndm.base.registry import optional
from ndm.benchmarks.comparison.execute import execute
from ndm.benchmarks.comparison.job import Job
from ndm.benchmarks.comparison.machine import machines, made_on
from ndm.benchmarks.comparison.resumable import Resumable
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.stage import Task, check_whole, rows_of, run_stage
from ndm.benchmarks.comparison.stages import check_same
from ndm.benchmarks.comparison.workers import Workers
from ndm.benchmarks.samples.distances import DISTANCES
from ndm.benchmarks.samples.figure import picture
from ndm.benchmarks.samples.jobs import Walk
from ndm.benchmarks.samples.measure import floor, measure, trial
from ndm.benchmarks.samples.plan import PATHS, Case, Plan, floors, subset, trainings, trials, walks
from ndm.benchmarks.samples.summary import as_json, best_grids, panels
from ndm.benchmarks.samples.tables import markdown, on_screen

PLAN: Plan = (
    Case("digits", seconds=60, draws=16, limit=297, samples=1000, trials=300, cost=8e-5),
    Case("8gaussians", seconds=30, draws=16, limit=1000, samples=5000, trials=2000, cost=1e-5),
)


@dataclass(frozen=True)
class Sampling(Resumable):
    """How few evaluations are enough? Compares samples of every sampler with test data, at equal evaluations.

    Models are trained once and kept in the folder; a sampler that is new joins when the same command is given again.
    """

    plan: ClassVar[Plan] = PLAN

    out: Path = Path("benchmarks/sampling")
    """Folder of models, rows.jsonl, results.json, tables.md and figure.png."""
    scale: float = 1.0
    """Factor on all budgets of training and numbers of samples; 0.01 is a smoke test."""
    seeds: int | None = None
    """Trainings of each model; 3 if not given."""

    def chosen(self) -> Plan:
        """The part of the plan that is asked for."""
        optional("ot", "peers")  # missed now, not after the trainings
        return subset(self.plan, self.data, self.seeds, self.scale)

    def work(self, plan: Plan, rows: Rows, workers: Workers) -> None:
        """Train, choose grids on validation, and then see test once."""
        models = self.out / "models"
        jobs = trainings(plan)
        check_same(jobs, rows)
        run_stage("trainings", partial(execute, models=models), jobs, rows, workers)
        trained = _trained(plan, rows)
        tried = trials(plan, trained)
        _check_models(models, tried, rows)
        run_stage("trials of grids", partial(trial, models), tried, rows, workers)
        check_whole(tried, rows, ("data", "contender", "way", "evaluations", "grids", "code"))
        run_stage("floors", floor, floors(plan), rows, workers)
        check_whole(floors(plan), rows, ("data", "code", *DISTANCES))
        measured = walks(plan, trained, best_grids(rows_of(tried, rows)))
        _check_models(models, measured, rows)
        run_stage("walks", partial(measure, models), measured, rows, workers)
        check_whole(
            measured, rows, ("data", "contender", "seed", "way", "evaluations", "tolerance", "grid", "number", "code")
        )
        check_whole(
            [walk for walk in measured if "failed" not in rows.by_key.get(walk.key, {})],
            rows,
            ("evaluations_made", "milliseconds_per_sample", *DISTANCES),
        )

    def write(self, plan: Plan, rows: Rows) -> int:
        """results.json, tables.md and figure.png, and a table on the screen; returns how many jobs have no row."""
        trained = _trained(plan, rows)
        tried = trials(plan, trained)
        measured = walks(plan, trained, best_grids(rows_of(tried, rows)))
        jobs: list[Task] = [*trainings(plan), *tried, *measured, *floors(plan)]
        missing = sum(job.key not in rows.by_key for job in jobs)
        found = panels(rows_of(measured, rows), rows_of(floors(plan), rows))
        if not found:
            return missing
        made = rows_of(trainings(plan), rows)
        codes = sorted({row["code"] for row in rows_of([*tried, *measured, *floors(plan)], rows)})
        results = {
            "command": self.command,
            "machines": machines(made),
            "codes_of_samples": codes,
            "missing": missing,
            "panels": [as_json(panel) for panel in found],
        }
        tables = [f"`{self.command}`", f"{made_on(made)}\nSamples: code {', '.join(codes)}.", markdown(found)]
        Console().print(on_screen(found))
        self.write_files(
            {
                "results.json": (json.dumps(results, indent=1) + "\n").encode(),
                "tables.md": "\n\n".join(tables).encode(),
                "figure.png": picture(found),
            }
        )
        return missing

    def summary(self, plan: Plan) -> str:
        """The size of a plan, by stage, where every sampler takes every number of evaluations."""
        jobs = trainings(plan)
        tried = trials(plan, jobs)
        grids = {(job.data, job.contender, job.way, job.evaluations or 0): "time" for job in tried}
        stages: dict[str, Sequence[Task]] = {
            "trainings": jobs,
            "trials of grids": tried,
            "walks": walks(plan, jobs, grids),
            "floors": floors(plan),
        }
        lines = [
            f"{case.data}: {case.seeds} trainings of {case.seconds:g} CPU seconds for each of {', '.join(PATHS)}; "
            f"{case.samples} samples for each of {len(case.evaluations)} numbers of evaluations"
            for case in plan
        ]
        seconds = {what: sum(job.weight for job in stage) for what, stage in stages.items()}
        lines += [f"{what}: {len(stage)}, {seconds[what]:.0f} CPU seconds" for what, stage in stages.items()]
        whole = sum(seconds.values())
        return "\n".join(
            [*lines, f"all: {whole:.0f} CPU seconds, {whole / self.workers / 60:.0f} minutes on {self.workers} workers"]
        )


def _trained(plan: Plan, rows: Rows) -> list[Job]:
    """The trainings that came to their end."""
    return [job for job in trainings(plan) if "failed" not in rows.by_key.get(job.key, {"failed": "not done yet"})]


def _check_models(models: Path, jobs: Sequence[Walk], rows: Rows) -> None:
    """Raise `InputError` where a job that is left needs a model that is gone."""
    for job in jobs:
        if job.key not in rows.by_key and not (models / job.model).is_dir():
            raise InputError(
                f"{models} without {job.model}, which {rows.path} says was trained",
                "its model",
                "put it back, or choose another --out folder",
            )
