"""A study that compares contenders: learning rates are chosen on validation, and then test is seen once."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import ClassVar

import numpy as np

from benchmarks.engine.aggregate import Cell, Row, cells, mean
from benchmarks.engine.job import Job, budget
from benchmarks.engine.plan import Case, Rates, measurements, subset, tunings
from benchmarks.engine.study import Stage, Trainings
from benchmarks.engine.training import FIGURES, configuration, execute

_FIELDS = ("data", "contender", "learning_rate", "unit")
_TOLD = ("data", "contender", "timesteps", "learning_rate", "total", "unit", "failed")
_LESS = "minus_reference"


@dataclass(frozen=True)
class Method:
    """How a job becomes a row, what it trains as plain data, and what a row has unless training diverged."""

    execute: Callable[[Job], Row]
    configuration: Callable[[Job], Row]
    figures: tuple[str, ...]


BOUNDS = Method(execute, lambda job: asdict(configuration(job)), FIGURES)


@dataclass(frozen=True)
class Comparison(Trainings):
    """Trains every contender of a plan; a study is a subclass with a `plan`, the table of what is compared."""

    plan: ClassVar[Sequence[Case]]
    method: ClassVar[Method] = BOUNDS
    references: ClassVar[tuple[str, ...]] = ("default", "scaling")
    """What the others are compared with: the first that was run. Where the default is F = x, that is its path."""

    timesteps: tuple[int, ...] = ()
    """Only these of the plan's T; 0: continuous time."""

    @property
    def cases(self) -> Sequence[Case]:
        return subset(self.of_data(self.plan), self.timesteps, self.scale)

    def stages(self, rows: Mapping[str, Row]) -> Iterator[Stage]:
        plan, method = self.cases, self.method

        trials = tunings(plan)
        yield Stage("learning rates", method.execute, trials, _FIELDS, ("total",), method.configuration)
        jobs = measurements(plan, best_rates([rows[job.key] for job in trials if job.key in rows]))
        told = (*_FIELDS, "machine")
        yield Stage("measurements", method.execute, jobs, told, method.figures, method.configuration)

    def keep(self, rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
        """Differences from the reference in place of single examples; of trials no more than the tables' figures."""
        trials = [{name: row[name] for name in ("key", *_TOLD) if name in row} for row in rows["learning rates"]]
        measured = minus_reference(rows["measurements"], self.references)
        return super().keep({"learning rates": trials, "measurements": measured})


def compared(rows: Sequence[Row]) -> list[Cell]:
    """The measurements by all but their seed."""
    return cells(rows, "data", "unit", "seconds", "steps", "contender", "timesteps")


def budget_of(cell: Cell) -> str:
    """40 s, or 400 steps."""
    return budget(cell.of["seconds"], cell.of["steps"])


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


def reference(cells: Sequence[Cell], like: Cell, names: Sequence[str]) -> Cell | None:
    """What a cell is compared with: the first of these contenders that there is for the same data, T and budget."""
    at = {
        cell.of["contender"]: cell
        for cell in cells
        if all(cell.of[name] == like.of[name] for name in ("data", "timesteps", "seconds", "steps"))
    }
    found = next((at[name] for name in names if name in at), None)
    return None if found is like else found


def minus_reference(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows with what they are less than their reference's of the same seed, a - b, paired by example.

    `variance` is its share in the squared standard error over examples of the mean over seeds d of the differences
    d_s: cov(d_s, d) / n, whose mean over s is var(d) / n.
    """
    found, less = compared(rows), {}
    for cell in found:
        beside = reference(found, cell, names)
        others = {row["seed"]: row for row in beside.rows} if beside else {}
        pairs = [(row, others[row["seed"]]) for row in cell.rows if row["seed"] in others and "per_example" in row]
        if pairs and len(pairs[0][0]["per_example"]) > 1:
            d = np.array([np.subtract(a["per_example"], b["per_example"]) for a, b in pairs])
            d -= d.mean(1, keepdims=True)
            shares = (d * d.mean(0)).sum(1) / (d.shape[1] - 1) / d.shape[1]
            for (a, b), share in zip(pairs, shares, strict=True):
                less[a["key"]] = {_LESS: {"difference": a["total"] - b["total"], "variance": float(share)}}
    return [row | less.get(row["key"], {}) for row in rows]


@dataclass(frozen=True)
class Difference:
    """How much a cell is above its reference: paired with the seed, and with the example."""

    value: float
    error: float | None
    """Over seeds."""
    error_over_examples: float

    @property
    def is_clear(self) -> bool:
        """Whether it is beyond two standard errors of either kind; never from a single seed."""
        return self.error is not None and abs(self.value) > 2 * max(self.error, self.error_over_examples)

    def __str__(self) -> str:
        text = f"{self.value:+.3f}" + ("" if self.error is None else f" ± {self.error:.3f}")
        return (f"**{text}**" if self.is_clear else text) + f" ({self.error_over_examples:.3f})"


def difference(cell: Cell | None) -> Difference | None:
    """The mean over the seeds that it shares with its reference; None where it has none or shares no seed."""
    found = [row[_LESS] for row in cell.rows if _LESS in row] if cell else []
    if not found:
        return None
    over_seeds = mean([less["difference"] for less in found])
    variance = fmean(less["variance"] for less in found)
    return Difference(over_seeds.value, over_seeds.error, math.sqrt(max(variance, 0.0)))
