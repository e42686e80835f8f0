"""The paths from noise to data, before and after straightening."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ndm.evaluation.figures import png

_PATH, _NOISE, _DATA, _INK = "#8a8f98", "#1f6f8b", "#c8553d", "#222222"


def picture(panels: Sequence[Sequence[tuple[str, dict[str, Any]]]]) -> bytes:
    """PNG of rows of panels (title, row of a job): every path is a line, its points at equal steps of time."""
    height, width = len(panels), max(map(len, panels))
    figure = Figure(figsize=(3.4 * width, 3.7 * height), layout="constrained")
    axes = figure.subplots(height, width, squeeze=False)
    for row, own in zip(axes, panels, strict=True):
        for axis in row[len(own) :]:
            axis.set_axis_off()
        for axis, (title, found) in zip(row, own, strict=False):
            _draw(axis, np.array(found["paths"]))
            axis.set_title(
                f"{title}\nenergy {found['energy']:.2f}, optimal {found['optimal']:.2f}", fontsize=10, color=_INK
            )
    return png(figure)


def _draw(axis: Axes, paths: np.ndarray) -> None:
    """Paths (N, times, 2) from noise, the first time, to data, the last."""
    for path in paths:
        axis.plot(*path.T, color=_PATH, linewidth=0.7, marker=".", markersize=1.8, markeredgewidth=0, zorder=1)
    for ends, colour, label in ((paths[:, 0], _NOISE, "noise"), (paths[:, -1], _DATA, "data")):
        axis.scatter(ends[:, 0], ends[:, 1], s=9, color=colour, label=label, zorder=2, linewidths=0)
    axis.set_aspect("equal")
    axis.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[])
    axis.legend(loc="upper right", fontsize=7, frameon=False, borderpad=0.1)
