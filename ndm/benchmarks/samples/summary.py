"""Means over seeds, and how few evaluations are enough."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ndm.benchmarks.comparison.aggregate import Mean, mean
from ndm.benchmarks.comparison.stage import Row
from ndm.benchmarks.samples.distances import DISTANCES
from ndm.benchmarks.samples.plan import Grids
from ndm.benchmarks.samples.ways import Way

MARK = Way("deterministic"), 64
TARGET = 12


@dataclass(frozen=True)
class Cell:
    """One way at one number of evaluations or one tolerance, over seeds."""

    way: Way
    evaluations: int | None
    tolerance: float | None
    grid: str | None
    rows: tuple[Row, ...]

    @property
    def made(self) -> float:
        """Evaluations of the network for a sample, counted; the mean over seeds."""
        return mean([row["evaluations_made"] for row in self.rows]).value

    def distance(self, name: str) -> Mean:
        """Of samples from test."""
        return mean([row[name] for row in self.rows])


@dataclass(frozen=True)
class Panel:
    """All that is known of one data set and one path."""

    data: str
    contender: str
    cells: tuple[Cell, ...]
    floor: dict[str, Mean]
    samples: int

    @property
    def ways(self) -> list[Way]:
        """Those of the cells, in their order."""
        return list(dict.fromkeys(cell.way for cell in self.cells))

    def of(self, way: Way) -> list[Cell]:
        """Its cells by the evaluations that they made."""
        return sorted((cell for cell in self.cells if cell.way == way), key=lambda cell: cell.made)

    def mark(self, distance: str) -> float | None:
        """What is to be reached: the mean of the deterministic sampler at 64 evaluations plus its standard error."""
        cell = next((cell for cell in self.cells if (cell.way, cell.evaluations) == MARK), None)
        if cell is None:
            return None
        reached = cell.distance(distance)
        return reached.value + (reached.error or 0.0)

    def fewest(self, way: Way, distance: str) -> float | None:
        """The fewest evaluations at which its mean is at the mark or below, there and at all larger numbers."""
        mark, enough = self.mark(distance), None
        for cell in reversed(self.of(way)):
            if mark is None or cell.distance(distance).value > mark:
                break
            enough = cell.made
        return enough


def best_grids(rows: Sequence[Row]) -> Grids:
    """The grid with the lowest mean distance from validation over seeds, of those that all of them walked."""
    found: dict[tuple[str, str, Way, int], list[dict[str, float]]] = {}
    for row in rows:
        key = row["data"], row["contender"], Way(**row["way"]), row["evaluations"]
        found.setdefault(key, []).append(row["grids"])
    chosen = {}
    for key, trials in found.items():
        common = [name for name in trials[0] if all(name in trial for trial in trials)]
        if common:
            chosen[key] = min(common, key=lambda name: sum(trial[name] for trial in trials))
    return chosen


def panels(walks: Sequence[Row], floors: Sequence[Row]) -> list[Panel]:
    """The rows by data and path, in the order of their appearance."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in walks:
        groups.setdefault((row["data"], row["contender"]), []).append(row)
    found = []
    for (data, contender), rows in groups.items():
        own = [row for row in floors if row["data"] == data]
        floor = {name: mean([row[name] for row in own]) for name in DISTANCES} if own else {}
        found.append(Panel(data, contender, tuple(_cells(rows)), floor, rows[0]["number"]))
    return sorted(found, key=lambda panel: panel.data)


def _cells(rows: Sequence[Row]) -> list[Cell]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((Way(**row["way"]), row["evaluations"], row["tolerance"], row["grid"]), []).append(row)
    return [Cell(way, evaluations, tolerance, grid, tuple(group))
            for (way, evaluations, tolerance, grid), group in groups.items()]


def as_json(panel: Panel) -> Row:
    """The panel as plain data."""
    return {
        "data": panel.data, "contender": panel.contender, "samples": panel.samples,
        "floor": {name: asdict(value) for name, value in panel.floor.items()},
        "mark": {name: panel.mark(name) for name in DISTANCES},
        "fewest": {way.name: {name: panel.fewest(way, name) for name in DISTANCES} for way in panel.ways},
        "cells": [{"way": cell.way.name, "evaluations": cell.evaluations, "tolerance": cell.tolerance,
                   "grid": cell.grid, "evaluations_made": cell.made, "seeds": [row["seed"] for row in cell.rows],
                   "milliseconds_per_sample": mean([row["milliseconds_per_sample"] for row in cell.rows]).value}
                  | {name: asdict(cell.distance(name)) for name in DISTANCES} for cell in panel.cells],
    }
