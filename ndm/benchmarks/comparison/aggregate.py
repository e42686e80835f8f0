"""Means over seeds with their standard errors, and paired differences between contenders."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndm.benchmarks.comparison.job import budget

Row = dict[str, Any]
REFERENCES = ("default", "scaling")  # the first that was run; where the default is F = x, its path
FIGURES = (
    "total",
    "prior",
    "diffusion",
    "reconstruction",
    "standard_error",
    "standard_error_of_draws",
    "ms_per_step",
    "training_seconds",
    "steps_trained",
    "parameters",
    "gamma_0",
    "gamma_1",
    "variance_ratio",
)


@dataclass(frozen=True)
class Mean:
    """A mean over seeds, and its standard error: None for a single seed."""

    value: float
    error: float | None


@dataclass(frozen=True)
class Cell:
    """One contender at one T and one budget."""

    data: str
    unit: str
    budget: str
    contender: str
    timesteps: int | None
    rows: tuple[Row, ...]
    """Those that did not diverge, by seed."""
    diverged: int

    def mean(self, name: str) -> Mean | None:
        """Of this figure of the rows; None where no row has it."""
        values = [row[name] for row in self.rows if name in row]
        return mean(values) if values else None

    def energy_distances(self) -> dict[str, Mean]:
        """By the way that the samples were drawn."""
        names = list(dict.fromkeys(name for row in self.rows for name in row.get("energy_distance", {})))
        return {name: mean([row["energy_distance"][name] for row in self.rows]) for name in names}


@dataclass(frozen=True)
class Difference:
    """a - b, paired: with the seed for the error over seeds, with the example for that over examples."""

    value: float
    error_over_seeds: float | None
    error_over_examples: float
    seeds: int

    @property
    def is_clear(self) -> bool:
        """Whether it is beyond two standard errors of either kind; never from a single seed."""
        return self.error_over_seeds is not None and abs(self.value) > 2 * max(
            self.error_over_seeds, self.error_over_examples
        )


def mean(values: Sequence[float]) -> Mean:
    """The mean and std / sqrt(n), the standard deviation with n - 1."""
    number = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(number) if number > 1 else None
    return Mean(float(np.mean(values)), error)


def difference(a: Cell, b: Cell) -> Difference | None:
    """The mean of a - b over the seeds and examples that both have; None where they share no seed."""
    rows_a, rows_b = ({row["seed"]: row for row in cell.rows} for cell in (a, b))
    seeds = sorted(rows_a.keys() & rows_b.keys())
    if not seeds:
        return None
    over_seeds = mean([rows_a[seed]["total"] - rows_b[seed]["total"] for seed in seeds])
    examples = np.mean([np.subtract(rows_a[seed]["per_example"], rows_b[seed]["per_example"]) for seed in seeds], 0)
    return Difference(over_seeds.value, over_seeds.error, mean(list(examples)).error or math.inf, len(seeds))


def cells(rows: Sequence[Row]) -> list[Cell]:
    """The rows grouped by data, budget, contender and T, in the order of their appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["data"], row["unit"], budget(row["seconds"], row["steps"]), row["contender"], row["timesteps"])
        groups.setdefault(key, []).append(row)
    found = []
    for (data, unit, length, contender, timesteps), group in groups.items():
        whole = sorted((row for row in group if "failed" not in row), key=lambda row: row["seed"])
        found.append(Cell(data, unit, length, contender, timesteps, tuple(whole), len(group) - len(whole)))
    return found


def reference(cells: Sequence[Cell], like: Cell, names: Sequence[str] = REFERENCES) -> Cell | None:
    """What a cell is compared with: the first of these contenders that there is for the same data, T and budget."""
    at = {
        cell.contender: cell
        for cell in cells
        if (cell.data, cell.timesteps, cell.budget) == (like.data, like.timesteps, like.budget)
    }
    found = next((at[name] for name in names if name in at), None)
    return None if found is like else found


def plain(value: Mean | None) -> Row | None:
    """The mean as plain data."""
    return None if value is None else {"mean": value.value, "standard_error": value.error}


def as_json(cell: Cell, beside: Cell | None, figures: Sequence[str] = FIGURES) -> Row:
    """The cell as plain data, with its difference from its reference."""
    less = difference(cell, beside) if beside else None
    return (
        {
            "data": cell.data,
            "unit": cell.unit,
            "budget": cell.budget,
            "contender": cell.contender,
            "timesteps": cell.timesteps,
            "seeds": [row["seed"] for row in cell.rows],
            "diverged": cell.diverged,
            "num_examples": cell.rows[0]["num_examples"] if cell.rows else None,
            "warnings": sorted({warning for row in cell.rows for warning in row["warnings"]}),
        }
        | {name: plain(cell.mean(name)) for name in figures}
        | {
            "energy_distance": {name: plain(value) for name, value in cell.energy_distances().items()},
            "minus_reference": None
            if less is None or beside is None
            else {
                "reference": beside.contender,
                "mean": less.value,
                "standard_error_over_seeds": less.error_over_seeds,
                "standard_error_over_examples": less.error_over_examples,
                "seeds": less.seeds,
                "clear": less.is_clear,
            },
        }
    )
