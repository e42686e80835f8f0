"""How results are shown: tables in Markdown, and the look of figures."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

INK, OURS, OTHERS = "#222222", "#c8553d", "#1f6f8b"
COLOURS = (OURS, OTHERS, "#7a9e3f", "#8d5a97", "#d9a441", "#4a4e69", "#2a9d8f", "#b56576", "#6c757d", "#264653")
MARKS = "osD^vP*X<>"


def table(corner: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; `corner` is the heading of its first column."""
    lines = [" | ".join(line) for line in rows]
    top = f"| {corner} |" if corner else "| |"
    return "\n".join([f"{top} {' | '.join(header)} |", "|---" * (len(header) + 1) + "|", *(f"| {x} |" for x in lines)])


def in_order(times: Sequence[int | None]) -> list[int | None]:
    """Numbers of steps T, each once, continuous time (None) last."""
    return sorted(set(times), key=lambda time: time or math.inf)


def tidy(axis: Axes, grid: str) -> None:
    """No frame above and to the right; thin lines across the axis `grid`."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis=grid, alpha=0.25)  # type: ignore[arg-type]
