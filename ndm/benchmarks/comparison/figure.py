"""The bound against T, one panel for each data set, and below it the difference from the default or its path."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ndm.benchmarks.comparison.aggregate import Cell, difference, reference
from ndm.evaluation.figures import png

INK = "#222222"
COLOURS = ("#c8553d", "#1f6f8b", "#7a9e3f", "#8d5a97", "#d9a441", "#4a4e69", "#2a9d8f", "#b56576", "#6c757d", "#264653")
MARKS = "osD^vP*X<>"


def picture(cells: Sequence[Cell]) -> bytes:
    """PNG of the budget of each data set that has the most cells; vertical bars are standard errors over seeds."""
    names = list(dict.fromkeys(cell.contender for cell in cells))
    panels = [
        _fullest([cell for cell in cells if cell.data == data]) for data in dict.fromkeys(cell.data for cell in cells)
    ]
    figure = Figure(figsize=(max(4.4 * len(panels), 6), 7.2), layout="constrained")
    axes = figure.subplots(2, len(panels), squeeze=False, sharex="col", height_ratios=[3, 2])
    for column, own in enumerate(panels):
        top, below = axes[:, column]
        _draw(top, below, own, names)
        top.set_title(f"{own[0].data}, {own[0].budget}", color=INK)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    for axis in axes[0, 1:]:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles, labels = [*handles, handle], [*labels, label]
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return png(figure)


def _fullest(own: Sequence[Cell]) -> list[Cell]:
    """The cells of the budget at which most was compared."""
    budgets = [cell.budget for cell in own]
    budget = max(dict.fromkeys(budgets), key=budgets.count)
    return [cell for cell in own if cell.budget == budget]


def _draw(top: Axes, below: Axes, own: Sequence[Cell], names: Sequence[str]) -> None:
    finite = sorted({cell.timesteps for cell in own if cell.timesteps is not None}) or [1]
    infinity = math.log2(finite[-1]) + 1.5
    present = [name for name in names if any(cell.contender == name and cell.rows for cell in own)]
    for index, name in enumerate(present):
        curve = sorted(
            (cell for cell in own if cell.contender == name and cell.rows), key=lambda cell: cell.timesteps or math.inf
        )
        # A little apart, so that error bars at the same T can be told from each other.
        shift = 0.012 * infinity * (index - (len(present) - 1) / 2)
        style = _style(names.index(name), name == "default")

        def place(cell: Cell, shift: float = shift) -> float:
            return shift + (infinity if cell.timesteps is None else math.log2(cell.timesteps))

        totals = [(cell, mean.value, mean.error) for cell in curve if (mean := cell.mean("total"))]
        _points(top, [(place(cell), value, error) for cell, value, error in totals], infinity - 0.5, name, style)
        pairs = [
            (place(cell), less.value, less.error_over_seeds)
            for cell in curve
            if (beside := reference(own, cell)) and (less := difference(cell, beside))
        ]
        _points(below, pairs, infinity - 0.5, "", style)
    below.axhline(0, color=COLOURS[names.index("default")] if "default" in names else INK, linewidth=1)
    below.set(xlabel="T", ylabel=f"contender - learned path, {own[0].unit}")
    below.set_xticks([*map(math.log2, finite), infinity], [*map(str, finite), "∞"])
    top.set_ylabel(f"bound, {own[0].unit} (lower is better)")
    for axis in (top, below):
        axis.axvline(infinity - 0.75, color=INK, linewidth=0.6, linestyle=":", alpha=0.5)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)


def _style(index: int, is_default: bool) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKS[index % len(MARKS)],
        "markersize": 4,
        "capsize": 2,
        "linewidth": 1.8 if is_default else 1.0,
        "zorder": 3 if is_default else 2,
    }


def _points(
    axis: Axes, points: Sequence[tuple[float, float, float | None]], end: float, label: str, style: dict[str, Any]
) -> None:
    """Points (place, value, error): a line through the finite T, and apart from it the limit beyond `end`."""
    line, limit = ([point for point in points if (point[0] > end) == beyond] for beyond in (False, True))
    for some in (line, limit):
        if some:
            places, values, errors = zip(*some, strict=True)
            axis.errorbar(places, values, [error or 0.0 for error in errors], label=label, **style)
            label = ""  # in the legend once
