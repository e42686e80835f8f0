"""What figures share: colours, PNG bytes, and images laid out as one."""

import io
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PALETTE = ("#1f6f8b", "#c8553d", "#588b3c", "#8a5fa8", "#d09a2c", "#3b4a6b", "#c06c9b", "#6b8e9b", "#7a5c43")
DATA, MODEL, SEA, LIGHT, INK = "#1f6f8b", "#c8553d", "#0b1f2e", "#ffd98a", "#222222"
_LONGEST_NAME = 24  # letters of a class
_INSIDE = (0.5, 99.5)  # percentiles that a scale reaches to


def png(figure: Figure) -> bytes:
    """Draw a figure as PNG without pyplot, which has global state."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def short(name: str) -> str:
    """A name that leaves room for a picture: what is cut off is an ellipsis."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def limits(x: np.ndarray) -> tuple[float, float]:
    """The ends of a scale for the values of x: all but the outermost half per cent at each end."""
    low, high = (float(each) for each in np.percentile(x, _INSIDE))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def wider(ends: tuple[float, float], share: float = 0.1) -> tuple[float, float]:
    """Both ends moved apart by a share of what lies between them."""
    margin = share * (ends[1] - ends[0])
    return ends[0] - margin, ends[1] + margin


def plain(axis: Axes) -> None:
    """Leave out the lines of an axis that bear no ticks."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)


def tiles(images: list[np.ndarray], gap: int, between: float, columns: int | None = None) -> np.ndarray:
    """Images (H, W, D) beside and below each other, as square as can be; `between` is the value of the gaps.

    `columns` says how many lie beside each other, at most.
    """
    height, width, depth = images[0].shape
    square = math.ceil(math.sqrt(len(images) * (height + gap) / (width + gap)))
    columns = min(len(images), columns or square)
    rows = math.ceil(len(images) / columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, depth), between)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas
