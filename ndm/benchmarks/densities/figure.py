"""Excess over the true density, one panel for each data set, one line for each contender."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ndm.benchmarks.comparison.aggregate import Cell
from ndm.benchmarks.comparison.figure import INK
from ndm.evaluation.figures import png

OURS, OTHERS = "#c8553d", "#1f6f8b"


def picture(cells: Sequence[Cell]) -> bytes:
    """PNG of the excess in nats, or of -log p where no truth is known; small points are the seeds, bars two standard
    errors over them.
    """
    names = list(dict.fromkeys(cell.contender for cell in cells))
    sets = list(dict.fromkeys(cell.data for cell in cells))
    figure = Figure(figsize=(3.1 * len(sets) + 0.8, 0.36 * len(names) + 1.4), layout="constrained")
    axes = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
    for axis, data in zip(axes, sets, strict=True):
        own = [cell for cell in cells if cell.data == data and cell.rows]
        figure_name = "excess" if all(cell.mean("excess") for cell in own) else "total"
        for cell in own:
            value = cell.mean(figure_name)
            assert value is not None
            place, colour = names.index(cell.contender), OURS if cell.mean("bound") else OTHERS
            axis.errorbar(
                value.value, place, xerr=2 * (value.error or 0.0), fmt="o", markersize=5, capsize=2, color=colour
            )
            axis.plot(
                [row[figure_name] for row in cell.rows],
                [place] * len(cell.rows),
                ".",
                markersize=3,
                color=INK,
                alpha=0.5,
            )
        if figure_name == "excess":
            axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlabel("excess over the truth, nats" if figure_name == "excess" else "-log p, nats")
        axis.set_title(data, color=INK)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", alpha=0.25)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return png(figure)
