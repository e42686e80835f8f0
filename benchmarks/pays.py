"""Does the learned path pay? The default against F = identity and other contenders, at equal budgets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from benchmarks.engine.comparison import Comparison, Method, chosen, difference, difference_text, with_failures
from benchmarks.engine.figure import INK, legend, style, subplots, tidy
from benchmarks.engine.plan import Block, Case, Rates
from benchmarks.engine.tables import done, grid, keys, listing, mean, number_of_steps, plain, text
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


def section(own: DataFrame, rates: Rates) -> list[str]:
    """For one data set a part for each budget: bounds, differences, quality of samples."""
    about, whole = "No training came to its end.", done(own)
    if len(whole):
        row = whole.iloc[0]
        about = f"First {row['num_examples']:.0f} {row['split']} examples, {row['draws']} draws each."
    kinds = {"chains": chosen(own, rates, continuous=False), "continuous time": chosen(own, rates, continuous=True)}
    if factors := "; for ".join(f"{kind}: {each}" for kind, each in kinds.items() if each):
        about += f" Factors of the learning rate, chosen on validation, for {factors}."
    parts = [f"## {own['data'].iloc[0]}", about]
    for budget, part in own.groupby("budget", sort=False):
        parts += [f"### {budget} of training", *_of_budget(part)]
    return parts


def _of_budget(own: DataFrame) -> list[str]:
    unit, counts = own["unit"].iloc[0], own["failed"].isna().groupby([own["contender"], own["timesteps"]]).sum()
    seeds = f"{counts.min()} to {counts.max()}" if counts.min() < counts.max() else str(counts.min())
    by_time = partial(grid, own, "contender", "timesteps", head=number_of_steps)
    parts = [
        f"Bound, {unit}: mean ± standard error over {seeds} seeds.",
        by_time(lambda cell: with_failures(cell, text(cell, "total"))),
    ]
    if difference(own):
        parts += [_PAIRED.format(unit=unit), by_time(difference_text)]
    return [*parts, *_reaches(own), "Steps trained, ms a step, parameters:", by_time(_cost), *_quality(own)]


def _cost(cell: DataFrame) -> str:
    figures = (("steps_trained", ".0f"), ("ms_per_step", ".1f"), ("parameters", ",.0f"))
    return ", ".join(filter(None, (plain(cell, *each) for each in figures)))


def _reaches(own: DataFrame) -> list[str]:
    cells = own.groupby(["contender", "timesteps"])
    totals = {at: found.value for at, cell in cells if (found := mean(cell, "total"))}
    mark = totals.get(("identity", _AMPLE))
    if mark is None:
        return []
    reached = [
        time for (name, time), total in totals.items() if name == "default" and time < math.inf and total <= mark
    ]
    where = f"**{number_of_steps(min(reached))}**" if reached else "no T that was measured"
    return [f"The default reaches identity's bound at T = {_AMPLE} ({mark:.3f}) at {where}."]


def _quality(own: DataFrame) -> list[str]:
    ways = [name for name in keys(own, "energy_distance") if name != "floor"]
    if not ways:
        return []
    ways.sort(key=lambda way: (way.split(",")[0], int(way.split()[-2])))
    floor = own.dropna(subset="energy_distance.floor").drop_duplicates("seed")  # of data alone: the same for all
    entries = {way: partial(text, name=f"energy_distance.{way}", digits=4) for way in ways}
    return [_QUALITY.format(floor=text(floor, "energy_distance.floor", 4)), listing(own, "contender", entries)]


def picture(found: DataFrame) -> bytes:
    """PNG of the bound against T, and below it the difference from the default or its path, a column a data set.

    It shows the budget of each data set that has the most cells; vertical bars are standard errors over seeds.
    """
    names, panels = list(found["contender"].unique()), [_fullest(own) for _, own in found.groupby("data", sort=False)]
    figure, axes = subplots(2, len(panels), (max(4.4 * len(panels), 6), 7.2), sharex="col", height_ratios=[3, 2])
    for (top, below), own in zip(axes.T, panels, strict=True):
        _draw(top, below, own, names)
        top.set_title(f"{own['data'].iloc[0]}, {own['budget'].iloc[0]}", color=INK)
    legend(figure, columns=4)
    return png(figure)


def _fullest(own: DataFrame) -> DataFrame:
    """The rows of the budget at which most was compared."""
    number = {
        budget: len(part.groupby(["contender", "timesteps"])) for budget, part in own.groupby("budget", sort=False)
    }
    return own[own["budget"] == max(number, key=number.__getitem__)]


def _draw(top: Axes, below: Axes, own: DataFrame, names: Sequence[str]) -> None:
    finite, unit = sorted(set(own["timesteps"]) - {math.inf}) or [1], own["unit"].iloc[0]
    infinity = math.log2(finite[-1]) + 1.5
    present = [name for name in names if name in set(done(own)["contender"])]
    for index, name in enumerate(present):
        curve = done(own)[lambda rows, name=name: rows["contender"] == name].groupby("timesteps")
        # A little apart, so that error bars at the same T can be told from each other.
        shift = 0.012 * infinity * (index - (len(present) - 1) / 2)
        width = {"linewidth": 1.8, "zorder": 3} if name == "default" else {"linewidth": 1.0, "zorder": 2}
        look = style(names.index(name)) | width
        for axis, label, figure in ((top, name, partial(mean, name="total")), (below, "", difference)):
            for limit in (False, True):  # a line through the finite T, and apart from it the limit
                points = [
                    (shift + (infinity if limit else math.log2(time)), each.value, each.error or 0.0)
                    for time, cell in curve
                    if (time == math.inf) == limit and (each := figure(cell))
                ]
                if points:
                    axis.errorbar(*np.transpose(points), label=label, **look)
                    label = ""  # in the legend once
    below.axhline(0, color=style(names.index("default"))["color"] if "default" in names else INK, linewidth=1)
    below.set(xlabel="T", ylabel=f"contender - learned path, {unit}")
    below.set_xticks([*map(math.log2, finite), infinity], [*(f"{time:.0f}" for time in finite), "∞"])
    top.set_ylabel(f"bound, {unit} (lower is better)")
    for axis in (top, below):
        axis.axvline(infinity - 0.75, color=INK, linewidth=0.6, linestyle=":", alpha=0.5)
        tidy(axis, "y")


@dataclass(frozen=True)
class Pays(Comparison):
    """Does the learned path pay? Compares bounds on test of contenders trained for equal CPU time, tuned alike."""

    plan = PLAN
    method = Method(section, {"figure.png": picture})
