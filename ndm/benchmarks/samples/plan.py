"""What is sampled: data, paths and their volatilities, evaluations, and the jobs that they stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ndm.base.errors import InputError
from ndm.benchmarks.comparison.job import Job
from ndm.benchmarks.comparison.resumable import of_data
from ndm.benchmarks.samples.jobs import Floor, Walk
from ndm.benchmarks.samples.ways import Way, ways

EVALUATIONS = (2, 4, 6, 8, 10, 12, 16, 32, 64)
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-5)
PATHS: Mapping[str, tuple[float | None, ...]] = {"time_basis_quiet": (1.0, None), "identity": (1.0,)}
"""The contenders by the volatilities that are walked, None: the model's own; that of F = x is 1."""

Grids = Mapping[tuple[str, str, Way, int], str]
"""By data, contender, way and evaluations."""


@dataclass(frozen=True)
class Case:
    """One data set: seconds of a training, its evaluation, and how many samples meet test and validation."""

    data: str
    seconds: float
    draws: int
    limit: int
    samples: int
    trials: int
    cost: float
    """CPU seconds of an evaluation for one sample, about."""
    seeds: int = 3
    evaluations: tuple[int, ...] = EVALUATIONS
    tolerances: tuple[float, ...] = TOLERANCES


Plan = tuple[Case, ...]
Effort = tuple[int | None, float | None, str | None]  # evaluations, tolerance, grid


def subset(plan: Plan, data: Sequence[str], seeds: int | None, scale: float) -> Plan:
    """The cases of these data (nothing: all), with budgets and numbers of samples `scale` times as large."""
    if seeds is not None and not 1 <= seeds <= 100:
        raise InputError(f"{seeds} seeds", "1 to 100")
    return tuple(
        replace(
            case,
            seconds=case.seconds * scale,
            samples=_scaled(case.samples, scale),
            trials=_scaled(case.trials, scale),
            seeds=seeds or case.seeds,
        )
        for case in of_data(plan, data, scale)
    )


def _scaled(number: int, scale: float) -> int:
    return max(2, round(number * scale))


def trainings(plan: Plan) -> list[Job]:
    """Every path for every seed, in continuous time, at the recipe's learning rate."""
    return [
        Job(case.data, contender, None, case.seconds, None, seed, 1.0, "test", case.draws, case.limit)
        for seed in range(max(case.seeds for case in plan))
        for case in plan
        if seed < case.seeds
        for contender in PATHS
    ]


def trials(plan: Plan, trained: Sequence[Job]) -> list[Walk]:
    """On validation: every way that has a grid, with each number of evaluations, on all grids."""
    return [
        Walk(
            job.data,
            job.name,
            job.contender,
            job.seed,
            way,
            evaluations,
            None,
            None,
            "validation",
            case.trials,
            case.cost,
        )
        for job, case in _with_case(plan, trained)
        for way in ways(PATHS[job.contender])
        if not way.is_adaptive
        for evaluations in case.evaluations
    ]


def walks(plan: Plan, trained: Sequence[Job], grids: Grids) -> list[Walk]:
    """On test, each once: every way with each number of evaluations on its grid, or to each tolerance."""
    found = []
    for job, case in _with_case(plan, trained):
        for way in ways(PATHS[job.contender]):
            efforts: list[Effort] = (
                [(None, tolerance, None) for tolerance in case.tolerances]
                if way.is_adaptive
                else [
                    (number, None, grids[key])
                    for number in case.evaluations
                    if (key := (job.data, job.contender, way, number)) in grids
                ]
            )
            found += [
                Walk(job.data, job.name, job.contender, job.seed, way, *effort, "test", case.samples, case.cost)
                for effort in efforts
            ]
    return found


def floors(plan: Plan) -> list[Floor]:
    """For every data set and seed."""
    return [Floor(case.data, seed, "test", case.samples) for case in plan for seed in range(case.seeds)]


def _with_case(plan: Plan, trained: Sequence[Job]) -> list[tuple[Job, Case]]:
    cases = {case.data: case for case in plan}
    return [(job, cases[job.data]) for job in trained]
