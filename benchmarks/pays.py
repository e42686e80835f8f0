"""Does the learned path pay? The default against F = identity and other contenders, at equal budgets."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.engine.aggregate import Cell, Row, sorted_by
from benchmarks.engine.comparison import Comparison, best_rates, budget_of, compared, difference
from benchmarks.engine.output import COLOURS, INK, MARKS, in_order, table, tidy
from benchmarks.engine.plan import Block, Case, Rates
from benchmarks.engine.study import Report
from ndm.evaluation.figures import png

PAIR = ("default", "identity")
IN_THE_LIMIT = ("scaling", "identity")  # of many steps, where the default is F = x itself
LARGER = ("control", "identity_larger")
PATHS = ("series", "series_control")

PLAN = (
    Case(
        *("digits", 64, 297, 256, 4, 20),
        (
            Block((1, 2, 4, 8), PAIR, seeds=3, seconds=20),
            Block((16, 64, None), IN_THE_LIMIT, seeds=3, seconds=20),
            Block((32, 256), ("identity",), seeds=3, seconds=20),
            Block((4,), (*LARGER, *PATHS, "series_linear", "residual"), seeds=3, seconds=20),
            Block((8,), LARGER, seeds=3, seconds=20),
            Block((None,), ("identity_larger", *PATHS, "residual"), seeds=3, seconds=20),
            Block((4,), PAIR, seeds=3, seconds=40),
            Block((None,), IN_THE_LIMIT, seeds=3, seconds=40),
            Block((4,), PAIR, seeds=3, steps=1000),
        ),
    ),
    Case(
        *("fashion_mnist_16", 16, 500, 0, 4, 30),
        (
            Block((4, 8), PAIR, seeds=3, seconds=45),
            Block((64,), ("identity",), seeds=3, seconds=45),
            Block((16, None), IN_THE_LIMIT, seeds=3, seconds=45),
            Block((4,), (*LARGER, "series"), seeds=3, seconds=45),
            Block((4,), PAIR, seeds=3, seconds=100),
        ),
        tuning_seeds=2,
    ),
    Case(
        *("fashion_mnist", 16, 256, 0, 4, 30),
        (
            Block((4, 8), PAIR, seeds=3, seconds=60),
            Block((None,), IN_THE_LIMIT, seeds=3, seconds=60),
        ),
    ),
    *(
        Case(
            *(data, 64, 1000, 0, 4, 15),
            (
                Block((4, 8), PAIR, seeds=5, seconds=15),
                Block((None,), IN_THE_LIMIT, seeds=5, seconds=15),
                Block((4,), PATHS, seeds=5, seconds=15),
                Block((4,), PAIR, seeds=5, seconds=6),
                Block((None,), IN_THE_LIMIT, seeds=5, seconds=6),
            ),
            tuning_seeds=2,
        )
        for data in ("cities", "checkerboard")
    ),
)
_AMPLE = 64  # the T at which identity's bound is the mark for the default to reach
_PAIRED = (
    "Contender - default, {unit}, paired (contender - scaling where the default was not run, being F = x itself): "
    "mean ± standard error over seeds (over examples); positive: the learned path is better. **Bold**: beyond two "
    "standard errors of both kinds."
)
_QUALITY = (
    "Energy distance of samples from held-out data, mean ± standard error over seeds. Ancestral: models of that T; "
    "deterministic: models of continuous time. As many training examples are at {floor}."
)


@dataclass(frozen=True)
class Pays(Comparison):
    """Does the learned path pay? Compares bounds on test of contenders trained for equal CPU time, tuned alike."""

    plan: ClassVar[Sequence[Case]] = PLAN

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        found = compared(rows["measurements"])
        return [markdown(found, best_rates(rows["learning rates"]))], self.pictures(found)

    def pictures(self, cells: Sequence[Cell]) -> dict[str, bytes]:
        """figure.png: the bound against T."""
        return {"figure.png": picture(cells)}


def markdown(cells: Sequence[Cell], rates: Rates) -> str:
    """One section for each data set, one part of it for each budget: bounds, differences, quality of samples."""
    parts = []
    for data, own in sorted_by(cells, "data").items():
        parts.append(f"## {data}\n\n{_examples(own)}{_choices(data, own, rates)}")
        for budget in dict.fromkeys(map(budget_of, own)):
            parts += _of_budget([cell for cell in own if budget_of(cell) == budget], budget)
    return "\n\n".join(parts)


def _of_budget(own: Sequence[Cell], budget: str) -> list[str]:
    at = {(cell.of["contender"], cell.of["timesteps"]): cell for cell in own}
    names, times = list(dict.fromkeys(name for name, _ in at)), in_order([time for _, time in at])
    counts, unit = [len(cell.rows) for cell in own], own[0].of["unit"]
    seeds = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])

    def grid(names: Sequence[str], entry: Callable[[Cell], str]) -> str:
        lines = [[n, *(entry(at[n, time]) if (n, time) in at else "" for time in times)] for n in names]
        return table("", [f"T = {time or '∞'}" for time in times], lines)

    parts = [
        f"### {budget} of training",
        f"Bound, {unit}: mean ± standard error over {seeds} seeds.",
        grid(names, lambda cell: cell.text("total") + (f" ({cell.failed} diverged)" if cell.failed else "")),
    ]
    if others := [name for name in names if any(difference(at.get((name, time))) for time in times)]:
        parts += [_PAIRED.format(unit=unit), grid(others, lambda cell: str(difference(cell) or ""))]
    parts += [*_reaches(at, times), "Steps trained, ms a step, parameters:", grid(names, _cost)]
    return parts + _quality(own, names)


def _cost(cell: Cell) -> str:
    figures = (("steps_trained", ".0f"), ("ms_per_step", ".1f"), ("parameters", ",.0f"))
    return ", ".join(filter(None, (cell.plainly(*each) for each in figures)))


def _reaches(at: Mapping[tuple[str, int | None], Cell], times: Sequence[int | None]) -> list[str]:
    def total(name: str, time: int | None) -> float:
        found = at[name, time].mean("total") if (name, time) in at else None
        return found.value if found else math.inf

    mark = total("identity", _AMPLE)
    if mark == math.inf:
        return []
    reached = [time for time in times if time and total("default", time) <= mark]
    where = f"**T = {reached[0]}**" if reached else "no T that was measured"
    return [f"The default reaches identity's bound at T = {_AMPLE} ({mark:.3f}) at {where}."]


def _quality(own: Sequence[Cell], names: Sequence[str]) -> list[str]:
    found = {(cell.of["contender"], way): cell for cell in own for way in cell.names("energy_distance")}
    ways = {way for _, way in found if way != "floor"}
    heads = sorted(ways, key=lambda way: (way.split(",")[0], int(way.split()[-2])))
    if not ways:
        return []

    def entry(name: str, way: str) -> str:
        return found[name, way].text(way, "energy_distance", 4) if (name, way) in found else ""

    floor = next(entry(*each) for each in found if each[1] == "floor")
    return [
        _QUALITY.format(floor=floor),
        table("", heads, [[name, *(entry(name, way) for way in heads)] for name in names]),
    ]


def _examples(own: Sequence[Cell]) -> str:
    row = next((cell.rows[0] for cell in own if cell.rows), None)
    if row is None:
        return "No training came to its end."
    return f"First {row['num_examples']} {row['split']} examples, {row['draws']} draws each."


def _choices(data: str, own: Sequence[Cell], rates: Rates) -> str:
    names = list(sorted_by(own, "contender"))
    factors = [
        f"{kind}: {', '.join(f'{name} {rates[data, name, limit]:g}' for name in names if (data, name, limit) in rates)}"
        for kind, limit in (("chains", False), ("continuous time", True))
        if any((data, name, limit) in rates for name in names)
    ]
    return f" Factors of the learning rate, chosen on validation, for {'; for '.join(factors)}." if factors else ""


def picture(cells: Sequence[Cell]) -> bytes:
    """PNG of the bound against T, and below it the difference from the default or its path, a column a data set.

    It shows the budget of each data set that has the most cells; vertical bars are standard errors over seeds.
    """
    names, panels = list(sorted_by(cells, "contender")), list(map(_fullest, sorted_by(cells, "data").values()))
    figure = Figure(figsize=(max(4.4 * len(panels), 6), 7.2), layout="constrained")
    axes = figure.subplots(2, len(panels), squeeze=False, sharex="col", height_ratios=[3, 2])
    legend: dict[str, Any] = {}
    for (top, below), own in zip(axes.T, panels, strict=True):
        _draw(top, below, own, names)
        top.set_title(f"{own[0].of['data']}, {budget_of(own[0])}", color=INK)
        handles, labels = top.get_legend_handles_labels()
        for label, handle in zip(labels, handles, strict=True):
            legend.setdefault(label, handle)
    figure.legend(list(legend.values()), list(legend), loc="outside lower center", ncols=4, frameon=False)
    return png(figure)


def _fullest(own: Sequence[Cell]) -> list[Cell]:
    """The cells of the budget at which most was compared."""
    budgets = [budget_of(cell) for cell in own]
    budget = max(dict.fromkeys(budgets), key=budgets.count)
    return [cell for cell in own if budget_of(cell) == budget]


def _draw(top: Axes, below: Axes, own: Sequence[Cell], names: Sequence[str]) -> None:
    finite = in_order([cell.of["timesteps"] for cell in own if cell.of["timesteps"]]) or [1]
    infinity = math.log2(finite[-1] or 1) + 1.5
    present = [name for name in names if any(cell.of["contender"] == name and cell.rows for cell in own)]
    for index, name in enumerate(present):
        curve = [cell for cell in own if cell.of["contender"] == name and cell.rows]
        curve.sort(key=lambda cell: cell.of["timesteps"] or math.inf)
        # A little apart, so that error bars at the same T can be told from each other.
        shift = 0.012 * infinity * (index - (len(present) - 1) / 2)
        places = [shift + (math.log2(cell.of["timesteps"]) if cell.of["timesteps"] else infinity) for cell in curve]
        number = names.index(name)
        style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "marker": MARKS[number % len(MARKS)]}
        style |= {"linewidth": 1.8, "zorder": 3} if name == "default" else {"linewidth": 1.0, "zorder": 2}
        for axis, label, values in (
            (top, name, [cell.mean("total") for cell in curve]),
            (below, "", map(difference, curve)),
        ):
            points = [
                (place, each.value, each.error or 0.0) for place, each in zip(places, values, strict=True) if each
            ]
            for beyond in (False, True):  # a line through the finite T, and apart from it the limit
                if some := [point for point in points if (point[0] > infinity - 0.5) == beyond]:
                    axis.errorbar(*np.transpose(some), label=label, markersize=4, capsize=2, **style)
                    label = ""  # in the legend once
    below.axhline(0, color=COLOURS[names.index("default")] if "default" in names else INK, linewidth=1)
    below.set(xlabel="T", ylabel=f"contender - learned path, {own[0].of['unit']}")
    below.set_xticks([*(math.log2(time or 1) for time in finite), infinity], [*map(str, finite), "∞"])
    top.set_ylabel(f"bound, {own[0].of['unit']} (lower is better)")
    for axis in (top, below):
        axis.axvline(infinity - 0.75, color=INK, linewidth=0.6, linestyle=":", alpha=0.5)
        tidy(axis, "y")
