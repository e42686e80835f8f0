"""Distance against evaluations: a row for each distance, a column for each data set and path."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ndm.benchmarks.comparison.figure import COLOURS, INK, MARKS
from ndm.benchmarks.samples.distances import DISTANCES
from ndm.benchmarks.samples.summary import MARK, Panel
from ndm.benchmarks.samples.ways import Way
from ndm.evaluation.figures import png

_FLOOR = "#bbbbbb"
_TALLEST = 10  # times the largest distance of the deterministic sampler


def picture(panels: Sequence[Panel]) -> bytes:
    """PNG; vertical bars are standard errors over seeds, the band is data from data, two standard errors each way."""
    ways = list(dict.fromkeys(way for panel in panels for way in panel.ways))
    samplers = list(dict.fromkeys(way.sampler for way in ways))
    figure = Figure(figsize=(max(4.0 * len(panels), 6), 8.2), layout="constrained")
    axes = figure.subplots(len(DISTANCES), len(panels), squeeze=False, sharex=True)
    handles: dict[str, Any] = {}
    for column, panel in zip(axes.T, panels, strict=True):
        for axis, name in zip(column, DISTANCES, strict=True):
            _draw(axis, panel, name, samplers)
            lines, names = axis.get_legend_handles_labels()
            handles |= dict(zip(names, lines, strict=True))
        column[0].set_title(f"{panel.data}, {panel.contender}", color=INK)
        column[-1].set_xlabel("evaluations of the network")
    for axis, name in zip(axes[:, 0], DISTANCES, strict=True):
        axis.set_ylabel(f"{DISTANCES[name]} from test")
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=6, frameon=False)
    return png(figure)


def _draw(axis: Axes, panel: Panel, name: str, samplers: Sequence[str]) -> None:
    axis.set_xscale("log", base=2)
    if name == "energy_distance":  # 0 on average where there is no distance, and then below 0 half of the time
        axis.set_yscale("symlog", linthresh=_linear(panel, name))
    else:
        axis.set_yscale("log")
    for way in panel.ways:
        found = [(cell.made, value) for cell in panel.of(way) if (value := cell.distance(name))]
        index = samplers.index(way.sampler)
        axis.errorbar(
            [made for made, _ in found],
            [value.value for _, value in found],
            [value.error or 0.0 for _, value in found],
            label=way.name,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKS[index % len(MARKS)],
            markersize=4,
            capsize=2,
            linewidth=1.2,
            linestyle="--" if _is_own(way, panel) else "-",
        )
    if panel.floor:
        floor = panel.floor[name]
        error = 2 * (floor.error or 0.0)
        axis.axhspan(floor.value - error, floor.value + error, color=_FLOOR, alpha=0.5, linewidth=0)
        axis.axhline(floor.value, color=_FLOOR, linewidth=1, label="data from data")
    usual = [value.value for cell in panel.of(MARK[0]) if (value := cell.distance(name))]
    if usual:  # a sampler that explodes in few steps leaves the picture
        axis.set_ylim(top=min(axis.get_ylim()[1], _TALLEST * max(usual)))
    ticks = [2**k for k in range(1, 8)]
    axis.set_xticks(ticks, list(map(str, ticks)))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.25)


def _is_own(way: Way, panel: Panel) -> bool:
    """Whether it walks with the model's own volatility, another walk of the same sampler beside it."""
    return way.eta is None and sum(other.sampler == way.sampler for other in panel.ways) > 1


def _linear(panel: Panel, name: str) -> float:
    """Up to where the axis is linear: the size of what the floor leaves undecided."""
    floor = panel.floor.get(name)
    return max(abs(floor.value) + 2 * (floor.error or 0.0), 1e-4) if floor else 1e-3
