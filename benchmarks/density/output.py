"""What is shown of densities: tables in Markdown, the excess over the truth, and samples beside the data."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from benchmarks.engine.comparison import chosen, difference_text, with_failures
from benchmarks.engine.figure import INK, OTHERS, OURS, subplots, tidy
from benchmarks.engine.plan import Rates
from benchmarks.engine.tables import Text, done, keys, listing, mean, plain, text
from benchmarks.engine.training import load_once
from ndm.evaluation.figures import png

_LIKELIHOOD = (
    "-log p(x), nats: mean over seeds ± standard error over {seeds} seeds (over {number} test examples). Of ours it is "
    "the density of the ODE; the bound that they are trained by stands beside it. The excess is that over the true "
    "density, on the same examples. Less nsf: paired by seed and example, negative is better; **bold**: beyond two "
    "standard errors of both kinds."
)
_SAMPLES = (
    "Energy distance of {number} samples from the test examples, mean ± standard error over seeds; as many training "
    "examples are at {floor}."
)
_COST = "CPU seconds on one thread, for the {number} likelihoods above and {samples} samples, and the training."
_BEYOND = 0.08  # of the data's range, that is shown around it


def section(own: DataFrame, rates: Rates) -> list[str]:
    """Likelihoods, samples, and cost for one data set."""
    title, whole = f"## {own['data'].iloc[0]}, {own['budget'].iloc[0]} of training", done(own)
    if whole.empty:
        return [title, "No training came to its end."]
    seeds = "/".join(map(str, sorted(set(whole["contender"].value_counts()))))
    number, samples = (int(whole[name].iloc[0]) if name in whole else 0 for name in ("num_examples", "num_samples"))
    parts = [title, _LIKELIHOOD.format(seeds=seeds, number=number)]
    if mean(whole, "truth"):
        parts.append(f"The truth: {plain(whole, 'truth', '.3f')}.")
    likelihoods: dict[str, Text] = {
        "-log p": lambda cell: with_failures(cell, _with_error(cell, "total", "standard_error")),
        "excess": partial(_with_error, name="excess", error="excess_standard_error"),
        "less nsf": difference_text,
        "bound": partial(_with_error, name="bound", error="bound_standard_error"),
    }
    parts.append(listing(own, "contender", likelihoods))
    if samples:
        floor = text(whole.drop_duplicates("seed"), "energy_distance.floor", 4)  # of data alone: the same for all
        parts.append(_SAMPLES.format(number=samples, floor=floor))
        entries = {
            "energy distance": lambda cell: text(cell, f"energy_distance.{_sampler(cell)}", 4),
            "sampler": _sampler,
        }
        parts.append(listing(own, "contender", entries))
    costs = {
        "likelihoods": partial(text, name="likelihood_seconds", digits=2),
        "samples": partial(text, name="sampling_seconds", digits=2),
        "steps trained": partial(plain, name="steps_trained", form=",.0f"),
        "ms a step": partial(plain, name="ms_per_step", form=".2f"),
        "parameters": partial(plain, name="parameters", form=",.0f"),
    }
    parts += [_COST.format(number=number, samples=samples), listing(own, "contender", costs)]
    if factors := chosen(own, rates, continuous=True):
        parts.append(f"Factors of the learning rate, chosen on validation: {factors}.")
    return parts


def _with_error(cell: DataFrame, name: str, error: str) -> str:
    return f"{text(cell, name)} ({plain(cell, error, '.3f')})" if mean(cell, name) else ""


def _sampler(cell: DataFrame) -> str:
    return next((name for name in keys(cell, "energy_distance") if name != "floor"), "")


def _colour(cell: DataFrame) -> str:
    return OURS if mean(cell, "bound") else OTHERS


def picture(found: DataFrame) -> bytes:
    """PNG of the excess in nats, or of -log p where no truth is known, one panel for each data set.

    Small points are the seeds, bars two standard errors over them.
    """
    names, sets = list(found["contender"].unique()), found.groupby("data", sort=False)
    figure, (axes,) = subplots(1, len(sets), (3.1 * len(sets) + 0.8, 0.36 * len(names) + 1.4), sharey=True)
    for axis, (data, every) in zip(axes, sets, strict=True):
        whole = done(every)
        shown, words = ("excess", "excess over the truth") if mean(whole, "excess") else ("total", "-log p")
        for name, cell in whole.groupby("contender", sort=False):
            value, place = mean(cell, shown), names.index(name)
            assert value is not None
            bar = {"fmt": "o", "markersize": 5, "capsize": 2, "color": _colour(cell)}
            axis.errorbar(value.value, place, xerr=2 * (value.error or 0.0), **bar)
            axis.plot(cell[shown], [place] * len(cell), ".", markersize=3, color=INK, alpha=0.5)
        if shown == "excess":
            axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlabel(f"{words}, nats")
        axis.set_title(data, color=INK)
        tidy(axis, "x")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return png(figure)


def scatter(found: DataFrame) -> bytes:
    """PNG: a row for each data set, test examples on the left and as many samples of the first seed beside them."""
    names, sets = list(found["contender"].unique()), found.groupby("data", sort=False)
    figure, axes = subplots(len(sets), len(names) + 1, (1.9 * (len(names) + 1), 1.95 * len(sets)))
    for line, (data, every) in zip(axes, sets, strict=True):
        test, drawn = load_once(str(data)).test.x, every.reindex(columns=["contender", "samples"]).dropna()
        drawn = drawn.set_index("contender")["samples"]
        low, high = test.min(0), test.max(0)
        margin = _BEYOND * (high - low)
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
        _dots(line[0], test[: max(map(len, drawn), default=len(test))], INK)
        line[0].set_ylabel(data, color=INK)
        for axis, name in zip(line[1:], names, strict=True):
            if name in drawn:
                _dots(axis, np.array(drawn[name]), _colour(every[every["contender"] == name]))
    for axis, title in zip(axes[0], ["test", *names], strict=True):
        axis.set_title(title, color=INK)
    return png(figure)


def _dots(axis: Axes, points: np.ndarray, colour: str) -> None:
    axis.plot(points[:, 0], points[:, 1], ".", color=colour, markersize=2.2, markeredgewidth=0)
