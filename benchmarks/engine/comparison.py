"""A study that compares contenders: learning rates are chosen on validation, and then test is seen once."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas import DataFrame

from benchmarks.engine.plan import Job, Rates, Trainings, budget, measurements, tunings
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage
from benchmarks.engine.tables import Mean, done, frame, mean
from benchmarks.engine.training import FIGURES, execute, plain_configuration

_FIELDS = ("data", "contender", "learning_rate", "unit")
_TOLD = ("data", "contender", "timesteps", "learning_rate", "total", "unit", "failed")
_LESS = "minus_reference"


@dataclass(frozen=True)
class Method:
    """What a study shows and does: of measurements what is said and drawn, and how a job becomes a row."""

    section: Callable[[DataFrame, Rates], Sequence[str]]
    """The paragraphs on the measurements of one data set, with the rates that were chosen."""
    pictures: Mapping[str, Callable[[DataFrame], bytes]]
    """PNG of all measurements, by the name of their file."""
    execute: Callable[[Job], Row] = execute
    configuration: Callable[[Job], Row] = plain_configuration
    """What a job trains, as plain data."""
    figures: tuple[str, ...] = FIGURES
    """What a row has unless training diverged."""
    references: tuple[str, ...] = ("default", "scaling")
    """What the others are compared with: the first that was run. Where the default is F = x, that is its path."""


@dataclass(frozen=True)
class Comparison(Trainings):
    """Trains every contender of a plan, the table of what is compared; a study is a subclass with plan and method."""

    method: ClassVar[Method]

    timesteps: tuple[int, ...] = ()
    """Only these of the plan's T; 0: continuous time."""

    def cases(self, timesteps: Sequence[int] = ()) -> list[Any]:
        return super().cases(timesteps or self.timesteps)

    def stages(self, rows: Mapping[str, Row]) -> Iterator[Stage]:
        plan, method = self.cases(), self.method
        trials = tunings(plan)
        yield Stage("learning rates", method.execute, trials, _FIELDS, ("total",), method.configuration)
        jobs = measurements(plan, best_rates([rows[job.key] for job in trials if job.key in rows]))
        told = (*_FIELDS, "machine")
        yield Stage("measurements", method.execute, jobs, told, method.figures, method.configuration)

    def keep(self, rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
        """Differences from the reference in place of single examples; of trials no more than the tables' figures."""
        trials = [{name: row[name] for name in ("key", *_TOLD) if name in row} for row in rows["learning rates"]]
        measured = minus_reference(rows["measurements"], self.method.references)
        return super().keep({"learning rates": trials, "measurements": measured})

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        """A section for each data set, and the pictures."""
        found, rates = compared(rows["measurements"]), best_rates(rows["learning rates"])
        sections = [part for _, own in found.groupby("data", sort=False) for part in self.method.section(own, rates)]
        return sections, {name: draw(found) for name, draw in self.method.pictures.items()}


def compared(rows: Sequence[Row]) -> DataFrame:
    """The measurements, with their `budget` in words."""
    found = frame(rows)
    lengths = zip(found["seconds"], found["steps"], strict=True)
    return found.assign(budget=[budget(None if pd.isna(seconds) else seconds, steps) for seconds, steps in lengths])


def best_rates(trials: Sequence[Row]) -> Rates:
    """The factor with the lowest mean bound over seeds by (data, contender, continuous time?).

    It is infinite where one of them diverged; the least factor, where all did.
    """
    if not trials:
        return {}
    found = frame(trials).reindex(columns=["data", "contender", "timesteps", "learning_rate", "failed", "total"])
    found["total"] = found["total"].where(found["failed"].isna(), math.inf)
    found["continuous"] = found["timesteps"] == math.inf
    means = found.groupby(["data", "contender", "continuous", "learning_rate"])["total"].mean()
    return {
        (data, who, bool(limit)): float(own.idxmin()[3]) for (data, who, limit), own in means.groupby(level=[0, 1, 2])
    }


def minus_reference(rows: Sequence[Row], references: Sequence[str]) -> list[Row]:
    """The rows with what they are less than their reference's of the same seed, a - b, paired by example.

    The reference is the first of these contenders that there is for the same data, T and budget. `variance` is its
    share in the squared standard error over examples of the mean over seeds d of the differences d_s: cov(d_s, d) / n,
    whose mean over s is var(d) / n.
    """
    alike: dict[tuple[object, ...], dict[str, list[Row]]] = {}
    for row in rows:
        under = tuple(row[name] for name in ("data", "timesteps", "seconds", "steps"))
        alike.setdefault(under, {}).setdefault(row["contender"], []).append(row)
    less = {}
    for contenders in alike.values():
        first = next((name for name in references if name in contenders), None)
        beside = {row["seed"]: row for row in contenders.get(first or "", []) if _is_whole(row)}
        for name, own in contenders.items():
            pairs = [(row, beside[row["seed"]]) for row in own if row["seed"] in beside and _is_whole(row)]
            if name != first and pairs and len(pairs[0][0]["per_example"]) > 1:
                d = np.array([np.subtract(a["per_example"], b["per_example"]) for a, b in pairs])
                d -= d.mean(1, keepdims=True)
                shares = (d * d.mean(0)).sum(1) / (d.shape[1] - 1) / d.shape[1]
                for (a, b), share in zip(pairs, shares, strict=True):
                    less[a["key"]] = {_LESS: {"difference": a["total"] - b["total"], "variance": float(share)}}
    return [row | less.get(row["key"], {}) for row in rows]


def _is_whole(row: Row) -> bool:
    return "failed" not in row and "per_example" in row


@dataclass(frozen=True)
class Difference(Mean):
    """How much a cell is above its reference, with the standard error over seeds: paired with seed and example."""

    error_over_examples: float

    @property
    def is_clear(self) -> bool:
        """Whether it is beyond two standard errors of either kind; never from a single seed."""
        return self.error is not None and abs(self.value) > 2 * max(self.error, self.error_over_examples)

    def __str__(self) -> str:
        text = ("+" if self.value >= 0 else "") + self.text()
        return (f"**{text}**" if self.is_clear else text) + f" ({self.error_over_examples:.3f})"


def difference(cell: DataFrame) -> Difference | None:
    """The mean over the seeds that it shares with its reference; None where it has none or shares no seed."""
    found, variance = mean(cell, f"{_LESS}.difference"), mean(cell, f"{_LESS}.variance")
    return Difference(found.value, found.error, math.sqrt(max(variance.value, 0.0))) if found and variance else None


def difference_text(cell: DataFrame) -> str:
    """The difference, nothing where there is none."""
    return str(difference(cell) or "")


def with_failures(cell: DataFrame, words: str) -> str:
    """These words, and how many trainings diverged."""
    failed = len(cell) - len(done(cell))
    return words + (f" ({failed} diverged)" if failed else "")


def chosen(own: DataFrame, rates: Rates, continuous: bool) -> str:
    """The factors of the learning rate that were chosen for one data set."""
    data, names = own["data"].iloc[0], own["contender"].unique()
    found = {name: rates.get((data, name, continuous)) for name in names}
    return ", ".join(f"{name} {rate:g}" for name, rate in found.items() if rate is not None)
