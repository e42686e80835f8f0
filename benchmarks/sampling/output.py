"""What is shown of samples: how few evaluations are enough, every distance, and the figure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from pandas import DataFrame

from benchmarks.engine.figure import INK, legend, style, subplots, tidy
from benchmarks.engine.rows import Row
from benchmarks.engine.tables import Mean, done, frame, grid, mean, table
from ndm.evaluation.figures import png

DISTANCES = {"energy_distance": "energy distance", "sliced_wasserstein": "sliced Wasserstein distance"}
"""What is measured, and its names for people."""
_MARK, _AT = "deterministic", 64  # the sampler, and its evaluations, whose quality is to be reached
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
    samples: int
    points: dict[str, DataFrame]
    """Of each distance a line for each way and effort, by the evaluations made: its mean, error and failures."""
    floor: dict[str, Mean]
    """The distance of data from data, by its name; empty where it was not measured."""

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.data}, {self.contender}"

    @property
    def ways(self) -> list[str]:
        """Those of the points, in their order."""
        return sorted(set(self.points["energy_distance"]["way"]))

    def mark(self, distance: str) -> Mean | None:
        """What is to be reached: the distance of the deterministic sampler at 64 evaluations."""
        found = self.points[distance].query("way == @_MARK and evaluations == @_AT")["mean"]
        return None if found.empty else found.iloc[0]

    def fewest(self, way: str, distance: str) -> float | None:
        """The fewest evaluations at which it reaches the mark, there and at all larger numbers: its mean is above that
        of the mark by no more than the standard error of their difference."""
        mark, enough = self.mark(distance), None
        for _, point in self.points[distance].query("way == @way")[::-1].iterrows():
            found = point["mean"]
            if mark is None or found is None or point["failures"]:
                break
            if found.value - mark.value > math.hypot(found.error or 0.0, mark.error or 0.0):
                break
            enough = float(point["made"])
        return enough


def panels(walks: Sequence[Row], floors: Sequence[Row]) -> list[Panel]:
    """The rows by data and path."""
    floor = {
        data: {name: value for name in DISTANCES if (value := mean(own, name))}
        for data, own in (frame(floors).groupby("data") if floors else ())
    }
    found = [
        Panel(
            data,
            contender,
            int(own["number"].iloc[0]),
            {name: _points(own, name) for name in DISTANCES},
            floor.get(data, {}),
        )
        for (data, contender), own in frame(walks).groupby(["data", "contender"], sort=False)
    ]
    return sorted(found, key=lambda panel: panel.data)


def _points(own: DataFrame, name: str) -> DataFrame:
    efforts = ["way", "evaluations", "tolerance", "grid"]
    lines = []
    for key, cell in own.groupby(efforts, sort=False, dropna=False):
        effort, made = dict(zip(efforts, key, strict=True)), mean(cell, "evaluations_made")
        budget = math.inf if pd.isna(effort["evaluations"]) else effort["evaluations"]  # where all failed
        counts = {"made": made.value if made else budget, "failures": len(cell) - len(done(cell))}
        lines.append(effort | counts | {"mean": mean(cell, name)})
    return DataFrame(lines).sort_values("made", kind="stable")


def markdown(panels: Sequence[Panel]) -> str:
    """How few are enough, then every distance."""
    names = list(dict.fromkeys(way for panel in panels for way in panel.ways))
    fewest = [[way, *(_fewest(panel, way) if way in panel.ways else "" for panel in panels)] for way in names]
    parts = [_HOW, "## Fewest evaluations", _CRITERION, table("", [panel.title for panel in panels], fewest)]
    parts += map(_verdict, panels)
    for panel in panels:
        parts += [f"## {panel.title}", *(part for name in DISTANCES for part in _distances(panel, name))]
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


def _distances(panel: Panel, name: str) -> Iterator[str]:
    words, mark, points = DISTANCES[name], panel.mark(name), panel.points[name].sort_values("way", kind="stable")
    floor = f" Data from data: {panel.floor[name].text(_DIGITS)}." if panel.floor else ""
    reach = f" To be reached: {mark.text(_DIGITS)}." if mark else ""
    what = f"{words[0].upper()}{words[1:]} of {panel.samples} samples from test"
    yield f"{what}, by evaluations of the network.{floor}{reach}"
    is_adaptive, several = points["tolerance"].notna(), points["grid"].nunique() > 1
    yield grid(points[~is_adaptive], "way", "evaluations", lambda cell: _entry(cell.iloc[0], several), "{:.0f}".format)
    lines = [
        [point["way"], f"{point['tolerance']:g}", f"{point['made']:.1f}", _entry(point, several=False)]
        for _, point in points[is_adaptive].iterrows()
    ]
    if lines:
        yield table("adaptive", ["tolerance", "evaluations", words], lines)


def _entry(point: pd.Series, several: bool) -> str:
    """The distance, what grid if there is a choice, how many evaluations if fewer, and how many failed."""
    notes = [point["grid"]] if several else []
    if pd.notna(point["evaluations"]) and point["made"] != point["evaluations"]:
        notes.append(f"{point['made']:g} made")
    notes += [f"{point['failures']} failed"] if point["failures"] else []
    value = point["mean"].text(_DIGITS) if point["mean"] else ""
    return " ".join(filter(None, (value, f"({', '.join(notes)})" if notes else "")))


def picture(panels: Sequence[Panel]) -> bytes:
    """PNG of distance against evaluations: a row for each distance, a column for each data set and path.

    Vertical bars are standard errors over seeds, the band is data from data, two standard errors each way.
    """
    samplers = list(dict.fromkeys(_sampler(way) for panel in panels for way in panel.ways))
    figure, axes = subplots(len(DISTANCES), len(panels), (max(4.0 * len(panels), 6), 8.2), sharex=True)
    for column, panel in zip(axes.T, panels, strict=True):
        for axis, name in zip(column, DISTANCES, strict=True):
            _draw(axis, panel, name, samplers)
        column[0].set_title(panel.title, color=INK)
        column[-1].set_xlabel("evaluations of the network")
    for axis, name in zip(axes[:, 0], DISTANCES, strict=True):
        axis.set_ylabel(f"{DISTANCES[name]} from test")
    legend(figure, columns=6)
    return png(figure)


def _sampler(way: str) -> str:
    return way.partition(", ")[0]


def _draw(axis: Axes, panel: Panel, name: str, samplers: Sequence[str]) -> None:
    floor, points = panel.floor.get(name), panel.points[name].dropna(subset="mean")
    band = 2 * (floor.error or 0.0) if floor else 0.0
    axis.set_xscale("log", base=2)
    if name == "energy_distance":  # 0 on average where there is no distance, and then below 0 half of the time
        # Linear up to what the floor leaves undecided.
        axis.set_yscale("symlog", linthresh=max(abs(floor.value) + band, 1e-4) if floor else 1e-3)
    else:
        axis.set_yscale("log")
    for way in panel.ways:
        own = points[points["way"] == way]
        is_own_eta = way.endswith("own eta") and sum(_sampler(other) == _sampler(way) for other in panel.ways) > 1
        look = style(samplers.index(_sampler(way))) | {"linestyle": "--" if is_own_eta else "-"}
        look["linewidth"] = 1.2
        axis.errorbar(
            own["made"], [m.value for m in own["mean"]], [m.error or 0.0 for m in own["mean"]], label=way, **look
        )
    if floor:
        axis.axhspan(floor.value - band, floor.value + band, color=_FLOOR, alpha=0.5, linewidth=0)
        axis.axhline(floor.value, color=_FLOOR, linewidth=1, label="data from data")
    usual = [found.value for found in points.loc[points["way"] == _MARK, "mean"]]
    if usual:  # a sampler that explodes in few steps leaves the picture
        axis.set_ylim(top=min(axis.get_ylim()[1], _TALLEST * max(usual)))
    ticks = [2**k for k in range(1, 8)]
    axis.set_xticks(ticks, list(map(str, ticks)))
    tidy(axis, "y")
