"""The look of figures: panels, curves and colours."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, OURS, OTHERS = "#222222", "#c8553d", "#1f6f8b"
_COLOURS = (OURS, OTHERS, "#7a9e3f", "#8d5a97", "#d9a441", "#4a4e69", "#2a9d8f", "#b56576", "#6c757d", "#264653")
_MARKS = "osD^vP*X<>"


def subplots(lines: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of this width and height in inches, and its axes (lines, columns)."""
    figure = Figure(figsize=size, layout="constrained")
    axes: np.ndarray = figure.subplots(lines, columns, squeeze=False, **options)
    return figure, axes


def style(index: int) -> dict[str, Any]:
    """The look of a curve with error bars."""
    look = {"color": _COLOURS[index % len(_COLOURS)], "marker": _MARKS[index % len(_MARKS)]}
    return look | {"markersize": 4, "capsize": 2}


def legend(figure: Figure, columns: int) -> None:
    """One legend below all panels, each name once."""
    found: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns, frameon=False)


def tidy(axis: Axes, lines: str) -> None:
    """No frame above and to the right; thin lines across the axis `lines`."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis=lines, alpha=0.25)  # type: ignore[arg-type]
