"""From a plan to its rows: sizes are searched, learning rates chosen on validation, and then test is seen once."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from ndm.base.errors import InputError
from ndm.benchmarks.comparison.aggregate import FIGURES
from ndm.benchmarks.comparison.execute import configuration, execute
from ndm.benchmarks.comparison.job import Job
from ndm.benchmarks.comparison.plan import Plan, Rates, Sizes, measurements, sizings, tunings
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.sizes import search
from ndm.benchmarks.comparison.stage import Row, check_whole, rows_of, run_stage
from ndm.benchmarks.comparison.workers import Workers
from ndm.config import Config


@dataclass(frozen=True)
class Outcome:
    """The rows of a plan, what was chosen on the way to them, and how many jobs have no row yet."""

    rows: list[Row]
    sizes: Sizes
    rates: Rates
    trials: list[Row]
    missing: int


@dataclass(frozen=True)
class Method:
    """How a job becomes a row, and what is in it."""

    execute: Callable[[Job], Row]
    configuration: Callable[[Job], dict[str, Any]]
    """What the job trains, as plain data."""
    figures: tuple[str, ...]
    """That every row has, unless its training diverged."""
    more: tuple[str, ...] = ()
    """That some rows have."""


BOUNDS = Method(execute, lambda job: asdict(configuration(job)), FIGURES)


def run_plan(plan: Plan, rows: Rows, workers: Workers, method: Method = BOUNDS) -> None:
    """Do what is not done yet, stage by stage; raises `InputError` for rows of other configurations."""
    run_stage("sizes", search, sizings(plan), rows, workers)
    check_whole(sizings(plan), rows, ("size",))
    sizes = _sizes(plan, rows)
    trials = tunings(plan, sizes)
    check_same(trials, rows, method)
    run_stage("learning rates", method.execute, trials, rows, workers)
    jobs = measurements(plan, sizes, best_rates(rows_of(trials, rows)))
    check_same(jobs, rows, method)
    run_stage("measurements", method.execute, jobs, rows, workers)


def collect(plan: Plan, rows: Rows) -> Outcome:
    """What there is of a plan's rows."""
    sizes = _sizes(plan, rows)
    trials = tunings(plan, sizes)
    rates = best_rates(rows_of(trials, rows))
    jobs = measurements(plan, sizes, rates)
    keys = [sizing.key for sizing in sizings(plan)] + [job.key for job in (*trials, *jobs)]
    missing = sum(key not in rows.by_key for key in keys)
    return Outcome(rows_of(jobs, rows), sizes, rates, rows_of(trials, rows), missing)


def _sizes(plan: Plan, rows: Rows) -> Sizes:
    return {(row["data"], row["contender"]): row["size"] for row in rows_of(sizings(plan), rows)}


def check_same(jobs: Sequence[Job], rows: Rows, method: Method = BOUNDS) -> None:
    """The recipe or the contender may have changed since a row was written: old and new ones do not mix."""
    check_whole([job for job in jobs if "failed" not in rows.by_key.get(job.key, {})], rows, method.figures)
    check_whole(jobs, rows, ("data", "contender", "learning_rate", "unit", "config", "machine", "warnings"))
    for job in jobs:
        if job.key in rows.by_key:
            now = json.loads(json.dumps(method.configuration(job)))
            before = json.loads(json.dumps(asdict(Config()))) | rows.by_key[job.key]["config"]
            changed = [name for name in now if now[name] != before.get(name)]
            if changed:
                raise InputError(
                    f"{rows.path} with another {', '.join(changed)} for {job.key}",
                    "rows of the recipes and contenders as they are",
                    "choose another --out folder",
                )


def best_rates(trials: Sequence[Row]) -> Rates:
    """The factor with the lowest mean bound over seeds by (data, contender, continuous time?).

    It is infinite where one of them diverged; the least factor, where all did.
    """
    totals: dict[tuple[str, str, bool], dict[float, list[float]]] = {}
    for row in trials:
        of_factors = totals.setdefault((row["data"], row["contender"], row["timesteps"] is None), {})
        of_factors.setdefault(row["learning_rate"], []).append(math.inf if "failed" in row else row["total"])
    return {
        who: min(of_factors, key=lambda factor: (fmean(of_factors[factor]), factor))
        for who, of_factors in totals.items()
    }
