"""From a plan to its rows: sizes are searched, learning rates chosen on validation, and then test is seen once."""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from ndm.benchmarks.comparison.aggregate import FIGURES
from ndm.benchmarks.comparison.execute import configuration, execute
from ndm.benchmarks.comparison.job import Job
from ndm.benchmarks.comparison.plan import Plan, Rates, Sizes, measurements, sizings, tunings
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.sizes import Sizing, search
from ndm.benchmarks.comparison.workers import Trouble, Workers
from ndm.errors import InputError
from ndm.training.progress import ProgressBar

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The rows of a plan, what was chosen on the way to them, and how many jobs have no row yet."""

    rows: list[Row]
    sizes: Sizes
    rates: Rates
    trials: list[Row]
    missing: int


def run_plan(plan: Plan, rows: Rows, workers: Workers) -> None:
    """Do what is not done yet, stage by stage; raises `InputError` for rows of other configurations."""
    _stage("sizes", search, sizings(plan), rows, workers)
    _check_whole(sizings(plan), rows, ("size",))
    sizes = _sizes(plan, rows)
    trials = tunings(plan, sizes)
    _check_same(trials, rows)
    _stage("learning rates", execute, trials, rows, workers)
    jobs = measurements(plan, sizes, best_rates(_of(trials, rows)))
    _check_same(jobs, rows)
    _stage("measurements", execute, jobs, rows, workers)


def collect(plan: Plan, rows: Rows) -> Outcome:
    """What there is of a plan's rows."""
    sizes = _sizes(plan, rows)
    trials = tunings(plan, sizes)
    rates = best_rates(_of(trials, rows))
    jobs = measurements(plan, sizes, rates)
    keys = [sizing.key for sizing in sizings(plan)] + [job.key for job in (*trials, *jobs)]
    missing = sum(key not in rows.by_key for key in keys)
    return Outcome(_of(jobs, rows), sizes, rates, _of(trials, rows), missing)


def _sizes(plan: Plan, rows: Rows) -> Sizes:
    return {(row["data"], row["contender"]): row["size"] for row in _of(sizings(plan), rows)}


def _of(jobs: Sequence[Job] | Sequence[Sizing], rows: Rows) -> list[Row]:
    return [rows.by_key[job.key] for job in jobs if job.key in rows.by_key]


def _check_same(jobs: Sequence[Job], rows: Rows) -> None:
    """The recipe or the contender may have changed since a row was written: old and new ones do not mix."""
    _check_whole([job for job in jobs if "failed" not in rows.by_key.get(job.key, {})], rows, FIGURES)
    _check_whole(jobs, rows, ("data", "contender", "learning_rate", "unit", "config", "machine", "warnings"))
    for job in jobs:
        if job.key in rows.by_key:
            now = json.loads(json.dumps(asdict(configuration(job))))
            before = rows.by_key[job.key]["config"]
            changed = [name for name in now if now[name] != before.get(name)]
            if changed:
                raise InputError(f"{rows.path} with another {', '.join(changed)} for {job.key}",
                                 "rows of the recipes and contenders as they are", "choose another --out folder")


def _check_whole(jobs: Sequence[Job] | Sequence[Sizing], rows: Rows, fields: Sequence[str]) -> None:
    """Raise `InputError` for a row that lacks one of the fields that are read later."""
    for job in jobs:
        missing = [name for name in fields if name not in rows.by_key.get(job.key, dict.fromkeys(fields))]
        if missing:
            raise InputError(f"{rows.path} with a row for {job.key} that lacks {', '.join(missing)}",
                             "rows as they were written", "remove the line: its job is done again")


def best_rates(trials: Sequence[Row]) -> Rates:
    """The factor with the lowest mean bound over seeds by (data, contender, continuous time?).

    It is infinite where one of them diverged; the least factor, where all did.
    """
    totals: dict[tuple[str, str, bool], dict[float, list[float]]] = {}
    for row in trials:
        of_factors = totals.setdefault((row["data"], row["contender"], row["timesteps"] is None), {})
        of_factors.setdefault(row["learning_rate"], []).append(math.inf if "failed" in row else row["total"])
    return {who: min(of_factors, key=lambda factor: (fmean(of_factors[factor]), factor))
            for who, of_factors in totals.items()}


def _stage(what: str, function: Callable[[Any], Row], jobs: Sequence[Job] | Sequence[Sizing], rows: Rows,
           workers: Workers) -> None:
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
                rows.add({"key": job.key} | asdict(job) | outcome)
            done += job.weight
            minutes = (time.monotonic() - began) * (whole / done - 1) / 60
            bar.update(done / whole, f"{number}/{len(left)}, {minutes:.0f} min left")
