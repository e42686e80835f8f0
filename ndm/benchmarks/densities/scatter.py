"""Samples of every contender beside the data."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ndm.benchmarks.comparison.aggregate import Cell
from ndm.benchmarks.comparison.execute import load_once
from ndm.benchmarks.comparison.figure import INK
from ndm.benchmarks.densities.figure import OTHERS, OURS
from ndm.evaluation.figures import png

_BEYOND = 0.08  # of the data's range, that is shown around it


def scatter(cells: Sequence[Cell]) -> bytes:
    """PNG: a row for each data set, test examples on the left and as many samples of the first seed beside them."""
    names = list(dict.fromkeys(cell.contender for cell in cells))
    sets = list(dict.fromkeys(cell.data for cell in cells))
    figure = Figure(figsize=(1.9 * (len(names) + 1), 1.95 * len(sets)), layout="constrained")
    axes = figure.subplots(len(sets), len(names) + 1, squeeze=False)
    for row, data in enumerate(sets):
        test = load_once(data).test.x
        samples = {
            cell.contender: (found, OURS if cell.mean("bound") else OTHERS)
            for cell in cells
            if cell.data == data and (found := _samples(cell)) is not None
        }
        number = max((len(found) for found, _ in samples.values()), default=len(test))
        low, high = test.min(0), test.max(0)
        margin = _BEYOND * (high - low)
        for axis in axes[row]:
            axis.set(
                xticks=[],
                yticks=[],
                xlim=(low[0] - margin[0], high[0] + margin[0]),
                ylim=(low[1] - margin[1], high[1] + margin[1]),
            )
        _dots(axes[row, 0], test[:number], INK)
        axes[row, 0].set_ylabel(data, color=INK)
        for column, name in enumerate(names, 1):
            if name in samples:
                _dots(axes[row, column], *samples[name])
    for axis, title in zip(axes[0], ["test", *names], strict=True):
        axis.set_title(title, color=INK)
    return png(figure)


def _samples(cell: Cell) -> np.ndarray | None:
    return next((np.array(row["samples"]) for row in cell.rows if "samples" in row), None)


def _dots(axis: Axes, points: np.ndarray, colour: str) -> None:
    axis.plot(points[:, 0], points[:, 1], ".", color=colour, markersize=2.2, markeredgewidth=0)
