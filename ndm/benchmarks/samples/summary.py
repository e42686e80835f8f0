"""Means over seeds, and how few evaluations are enough."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ndm.benchmarks.comparison.aggregate import Mean, mean, plain
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
    """Those that did not fail."""
    failed: int

    @property
    def made(self) -> float:
        """Evaluations of the network for a sample, counted; the mean over seeds."""
        if not self.rows:
            return float(self.evaluations or math.inf)
        return mean([row["evaluations_made"] for row in self.rows]).value

    def distance(self, name: str) -> Mean | None:
        """Of samples from test; None where there is no row."""
        return mean([row[name] for row in self.rows]) if self.rows else None


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

    def mark(self, distance: str) -> Mean | None:
        """What is to be reached: the distance of the deterministic sampler at 64 evaluations."""
        cell = next((cell for cell in self.cells if (cell.way, cell.evaluations) == MARK), None)
        return cell.distance(distance) if cell else None

    def fewest(self, way: Way, distance: str) -> float | None:
        """The fewest evaluations at which it reaches the mark, there and at all larger numbers: its mean is above that
        of the mark by no more than the standard error of their difference."""
        mark, enough = self.mark(distance), None
        for cell in reversed(self.of(way)):
            found = cell.distance(distance)
            if mark is None or found is None or cell.failed:
                break
            if found.value - mark.value > math.hypot(found.error or 0.0, mark.error or 0.0):
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
    found = []
    for (way, evaluations, tolerance, grid), group in groups.items():
        whole = tuple(row for row in group if "failed" not in row)
        found.append(Cell(way, evaluations, tolerance, grid, whole, len(group) - len(whole)))
    return found


def as_json(panel: Panel) -> Row:
    """The panel as plain data."""
    return {
        "data": panel.data,
        "contender": panel.contender,
        "samples": panel.samples,
        "floor": {name: plain(value) for name, value in panel.floor.items()},
        "mark": {name: plain(panel.mark(name)) for name in DISTANCES},
        "fewest": {way.name: {name: panel.fewest(way, name) for name in DISTANCES} for way in panel.ways},
        "cells": [_cell_as_json(cell) for cell in panel.cells],
    }


def _cell_as_json(cell: Cell) -> Row:
    found: Row = {
        "way": cell.way.name,
        "evaluations": cell.evaluations,
        "tolerance": cell.tolerance,
        "grid": cell.grid,
        "seeds": [row["seed"] for row in cell.rows],
        "failed": cell.failed,
    }
    if cell.rows:
        found |= {
            name: mean([row[name] for row in cell.rows]).value
            for name in ("evaluations_made", "milliseconds_per_sample")
        }
    return found | {name: plain(cell.distance(name)) for name in DISTANCES}
