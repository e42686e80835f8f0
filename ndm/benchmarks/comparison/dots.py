"""Differences from the learned path, one line for each contender, one panel for each T: for many contenders."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from ndm.benchmarks.comparison.aggregate import Cell, difference, reference
from ndm.evaluation.figures import png

_BETTER, _WORSE, _INK = "#1f6f8b", "#c8553d", "#222222"
_LINEAR = 0.1  # differences up to it are drawn to scale, larger ones by their logarithm


def dots(cells: Sequence[Cell]) -> bytes:
    """PNG of contender - learned path, by size; horizontal bars are two standard errors over seeds."""
    times = sorted({cell.timesteps for cell in cells}, key=lambda time: time or math.inf)
    panels = [
        [
            (cell.contender, less)
            for cell in cells
            if cell.timesteps == time
            and cell.rows
            and (beside := reference(cells, cell))
            and (less := difference(cell, beside))
        ]
        for time in times
    ]
    height = 1.2 + 0.22 * max(len(panel) for panel in panels)
    figure = Figure(figsize=(6.2 * len(panels), height), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, panel, time in zip(axes, panels, times, strict=True):
        panel.sort(key=lambda pair: -pair[1].value)
        for row, (_, less) in enumerate(panel):
            axis.errorbar(
                less.value,
                row,
                xerr=2 * (less.error_over_seeds or 0.0),
                fmt="o",
                markersize=4,
                capsize=2,
                color=_WORSE if less.value > 0 else _BETTER,
            )
        axis.set_yticks(range(len(panel)), [name for name, _ in panel], fontsize=8)
        axis.set_xscale("symlog", linthresh=_LINEAR)
        least = min((less.value - 2 * (less.error_over_seeds or 0.0) for _, less in panel), default=0.0)
        axis.set_xlim(left=min(least, 0.0) - _LINEAR / 5)
        axis.axvline(0, color=_INK, linewidth=0.8)
        axis.set_xlabel(f"contender - learned path, {cells[0].unit}; right of 0 the change loses")
        axis.set_title(f"T = {time or '∞'}", color=_INK)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", alpha=0.25)
    return png(figure)
