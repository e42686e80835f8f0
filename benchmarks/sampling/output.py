"""What is shown of samples: how few evaluations are enough, every distance in tables, and the figure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.engine.aggregate import Cell, Mean, Row, cells
from benchmarks.engine.output import COLOURS, INK, MARKS, table, tidy
from ndm.evaluation.figures import png

DISTANCES = {"energy_distance": "energy distance", "sliced_wasserstein": "sliced Wasserstein distance"}
"""What is measured, and its names for people."""
_MARK, _AT = "deterministic", 64
_TARGET, _DIGITS = 12, 4
_FLOOR = "#bbbbbb"
_TALLEST = 10  # times the largest distance of the deterministic sampler
_HOW = (
    "Samples and data are points of [-1, 1]: levels by their number, real values by the range of train. All ways of a "
    "model start from the same noise, and all are measured against the same test examples: what chance has made of "
    "those, all figures share, data from data included, and standard errors over seeds do not show it. The grid is "
    "chosen on validation for each way and number of evaluations; grids that visit the same times count as one."
)
_CRITERION = (
    "Fewest evaluations at which a way reaches the quality of the deterministic sampler at 64, there and at every "
    "larger number that was measured: its mean over seeds is above that one by no more than the standard error of "
    "their difference, sqrt(SE^2 + SE^2). By the energy distance / by the sliced Wasserstein distance; -: at none."
)


@dataclass(frozen=True)
class Panel:
    """All that is known of one data set and one path."""

    data: str
    contender: str
    cells: tuple[Cell, ...]
    floor: dict[str, Mean]
    """The distance of data from data, by its name; empty where it was not measured."""
    samples: int

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.data}, {self.contender}"

    @property
    def ways(self) -> list[str]:
        """Those of the cells, in their order."""
        return list(dict.fromkeys(cell.of["way"] for cell in self.cells))

    def of(self, way: str) -> list[Cell]:
        """Its cells by the evaluations that they made."""
        return sorted((cell for cell in self.cells if cell.of["way"] == way), key=made)

    def mark(self, distance: str) -> Mean | None:
        """What is to be reached: the distance of the deterministic sampler at 64 evaluations."""
        found = (cell for cell in self.cells if (cell.of["way"], cell.of["evaluations"]) == (_MARK, _AT))
        return next((cell.mean(distance) for cell in found), None)

    def fewest(self, way: str, distance: str) -> float | None:
        """The fewest evaluations at which it reaches the mark, there and at all larger numbers: its mean is above that
        of the mark by no more than the standard error of their difference."""
        mark, enough = self.mark(distance), None
        for cell in reversed(self.of(way)):
            found = cell.mean(distance)
            if mark is None or found is None or cell.failed:
                break
            if found.value - mark.value > math.hypot(found.error or 0.0, mark.error or 0.0):
                break
            enough = made(cell)
        return enough


def made(cell: Cell) -> float:
    """Evaluations of the network for a sample, counted; the mean over seeds."""
    found = cell.mean("evaluations_made")
    return found.value if found else float(cell.of["evaluations"] or math.inf)


def panels(walks: Sequence[Row], floors: Sequence[Row]) -> list[Panel]:
    """The rows by data and path."""
    found = []
    floor = {cell.of["data"]: {name: cell.mean(name) for name in DISTANCES} for cell in cells(floors, "data")}
    for data, contender in dict.fromkeys((row["data"], row["contender"]) for row in walks):
        rows = [row for row in walks if (row["data"], row["contender"]) == (data, contender)]
        own = cells(rows, "data", "contender", "way", "evaluations", "tolerance", "grid")
        bottom = {name: value for name, value in floor.get(data, {}).items() if value}
        found.append(Panel(data, contender, tuple(own), bottom, rows[0]["number"]))
    return sorted(found, key=lambda panel: panel.data)


def markdown(panels: Sequence[Panel]) -> str:
    """How few are enough, then every distance."""
    names = list(dict.fromkeys(way for panel in panels for way in panel.ways))
    fewest = [[way, *(_fewest(panel, way) if way in panel.ways else "" for panel in panels)] for way in names]
    parts = [_HOW, "## Fewest evaluations", _CRITERION, table("", [panel.title for panel in panels], fewest)]
    parts += map(_verdict, panels)
    for panel in panels:
        parts.append(f"## {panel.title}")
        parts += [part for name in DISTANCES for part in _distances(panel, name)]
    return "\n\n".join(parts)


def _fewest(panel: Panel, way: str) -> str:
    found = (panel.fewest(way, name) for name in DISTANCES)
    return " / ".join("-" if number is None else f"{number:.3g}" for number in found)


def _verdict(panel: Panel) -> str:
    """Whether the target is met."""
    said = []
    for name, words in DISTANCES.items():
        best = min(((number, way) for way in panel.ways if (number := panel.fewest(way, name))), default=None)
        which = f" ({best[1]}, {best[0]:.3g})" if best else ""
        said.append(f"by the {words} {'met' if best and best[0] <= _TARGET else 'missed'}{which}")
    return f"{panel.title}, {_TARGET} or fewer: {', '.join(said)}."


def _distances(panel: Panel, name: str) -> list[str]:
    words, mark = DISTANCES[name], panel.mark(name)
    floor = f" Data from data: {panel.floor[name].text(_DIGITS)}." if panel.floor else ""
    reach = f" To be reached: {mark.text(_DIGITS)}." if mark else ""
    budgets = sorted({cell.of["evaluations"] for cell in panel.cells if cell.of["evaluations"]})
    at = {(cell.of["way"], cell.of["evaluations"]): cell for cell in panel.cells}
    several = len({cell.of["grid"] for cell in panel.cells if cell.of["grid"]}) > 1
    adaptive = [cell for way in panel.ways for cell in panel.of(way) if cell.of["tolerance"]]
    fixed = [way for way in panel.ways if way not in {cell.of["way"] for cell in adaptive}]
    entries = [[way, *(_entry(at.get((way, number)), name, several) for number in budgets)] for way in fixed]
    title = f"{words[0].upper()}{words[1:]} of {panel.samples} samples from test, by evaluations of the network."
    parts = [title + floor + reach, table("", list(map(str, budgets)), entries)]
    if adaptive:
        lines = [
            [cell.of["way"], f"{cell.of['tolerance']:g}", f"{made(cell):.1f}", _entry(cell, name, several=False)]
            for cell in adaptive
        ]
        parts.append(table("adaptive", ["tolerance", "evaluations", words], lines))
    return parts


def _entry(cell: Cell | None, name: str, several: bool) -> str:
    """The distance, what grid if there is a choice, how many evaluations if fewer, and how many failed."""
    if cell is None:
        return ""
    evaluations, grid = cell.of["evaluations"], cell.of["grid"]
    notes = [grid] if several and grid else []
    notes += [f"{made(cell):g} made"] if evaluations and made(cell) != evaluations else []
    notes += [f"{cell.failed} failed"] if cell.failed else []
    return " ".join(filter(None, (cell.text(name, digits=_DIGITS), f"({', '.join(notes)})" if notes else "")))


def picture(panels: Sequence[Panel]) -> bytes:
    """PNG of distance against evaluations: a row for each distance, a column for each data set and path.

    Vertical bars are standard errors over seeds, the band is data from data, two standard errors each way.
    """
    samplers = list(dict.fromkeys(_sampler(way) for panel in panels for way in panel.ways))
    figure = Figure(figsize=(max(4.0 * len(panels), 6), 8.2), layout="constrained")
    axes = figure.subplots(len(DISTANCES), len(panels), squeeze=False, sharex=True)
    handles: dict[str, Any] = {}
    for column, panel in zip(axes.T, panels, strict=True):
        for axis, name in zip(column, DISTANCES, strict=True):
            _draw(axis, panel, name, samplers)
            lines, names = axis.get_legend_handles_labels()
            handles |= dict(zip(names, lines, strict=True))
        column[0].set_title(panel.title, color=INK)
        column[-1].set_xlabel("evaluations of the network")
    for axis, name in zip(axes[:, 0], DISTANCES, strict=True):
        axis.set_ylabel(f"{DISTANCES[name]} from test")
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=6, frameon=False)
    return png(figure)


def _sampler(way: str) -> str:
    return way.partition(", ")[0]


def _draw(axis: Axes, panel: Panel, name: str, samplers: Sequence[str]) -> None:
    floor = panel.floor.get(name)
    band = 2 * (floor.error or 0.0) if floor else 0.0
    axis.set_xscale("log", base=2)
    if name == "energy_distance":  # 0 on average where there is no distance, and then below 0 half of the time
        # Linear up to what the floor leaves undecided.
        axis.set_yscale("symlog", linthresh=max(abs(floor.value) + band, 1e-4) if floor else 1e-3)
    else:
        axis.set_yscale("log")
    for way in panel.ways:
        found = [(made(cell), value) for cell in panel.of(way) if (value := cell.mean(name))]
        index = samplers.index(_sampler(way))
        own = way.endswith("own eta") and sum(_sampler(other) == _sampler(way) for other in panel.ways) > 1
        style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "marker": MARKS[index % len(MARKS)]}
        style |= {"markersize": 4, "capsize": 2, "linewidth": 1.2, "linestyle": "--" if own else "-"}
        points = [(number, value.value, value.error or 0.0) for number, value in found]
        axis.errorbar(*np.reshape(points, (-1, 3)).T, label=way, **style)
    if floor:
        axis.axhspan(floor.value - band, floor.value + band, color=_FLOOR, alpha=0.5, linewidth=0)
        axis.axhline(floor.value, color=_FLOOR, linewidth=1, label="data from data")
    usual = [value.value for cell in panel.of(_MARK) if (value := cell.mean(name))]
    if usual:  # a sampler that explodes in few steps leaves the picture
        axis.set_ylim(top=min(axis.get_ylim()[1], _TALLEST * max(usual)))
    ticks = [2**k for k in range(1, 8)]
    axis.set_xticks(ticks, list(map(str, ticks)))
    tidy(axis, "y")
