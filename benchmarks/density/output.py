"""What is shown of densities: tables in Markdown, the excess over the truth, and samples beside the data."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.engine.aggregate import Cell, sorted_by
from benchmarks.engine.comparison import budget_of, difference
from benchmarks.engine.output import INK, OTHERS, OURS, table, tidy
from benchmarks.engine.plan import Rates
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
_ERRORS = {"total": "standard_error", "excess": "excess_standard_error", "bound": "bound_standard_error"}
_BEYOND = 0.08  # of the data's range, that is shown around it


def markdown(cells: Sequence[Cell], rates: Rates) -> str:
    """One section for each data set: likelihoods, samples, cost."""
    return "\n\n".join(_section(own, rates) for own in sorted_by(cells, "data").values())


def _section(own: Sequence[Cell], rates: Rates) -> str:
    data, whole = own[0].of["data"], [cell for cell in own if cell.rows]
    title = f"## {data}, {budget_of(own[0])} of training"
    if not whole:
        return f"{title}\n\nNo training came to its end."
    row, seeds = whole[0].rows[0], "/".join(map(str, sorted({len(cell.rows) for cell in whole})))

    def grid(heads: Sequence[str], line: Callable[[Cell], list[str]]) -> str:
        return table("", heads, [[cell.of["contender"], *line(cell)] for cell in own])

    parts = [title, _LIKELIHOOD.format(seeds=seeds, number=row["num_examples"])]
    if whole[0].mean("truth"):
        parts.append(f"The truth: {whole[0].plainly('truth', '.3f')}.")
    parts.append(grid(["-log p", "excess", "less nsf", "bound"], _likelihoods))
    floor = next((cell.text("floor", "energy_distance", 4) for cell in whole if cell.names("energy_distance")), "")
    if floor:
        parts.append(_SAMPLES.format(number=row["num_samples"], floor=floor))
        parts.append(grid(["energy distance", "sampler"], _distance))
    parts.append(_COST.format(number=row["num_examples"], samples=row.get("num_samples", 0)))
    parts.append(grid(["likelihoods", "samples", "steps trained", "ms a step", "parameters"], _costs))
    names = [cell.of["contender"] for cell in own if (data, cell.of["contender"], True) in rates]
    if names:
        factors = ", ".join(f"{name} {rates[data, name, True]:g}" for name in names)
        parts.append(f"Factors of the learning rate, chosen on validation: {factors}.")
    return "\n\n".join(parts)


def _likelihoods(cell: Cell) -> list[str]:
    total, excess, bound = (
        f"{cell.text(name)} ({cell.plainly(error, '.3f')})" if cell.mean(name) else ""
        for name, error in _ERRORS.items()
    )
    return [total + (f" ({cell.failed} diverged)" if cell.failed else ""), excess, str(difference(cell) or ""), bound]


def _distance(cell: Cell) -> list[str]:
    sampler = next((name for name in cell.names("energy_distance") if name != "floor"), "")
    return [cell.text(sampler, "energy_distance", 4), sampler]


def _costs(cell: Cell) -> list[str]:
    seconds = [cell.text(name, digits=2) for name in ("likelihood_seconds", "sampling_seconds")]
    training = (("steps_trained", ",.0f"), ("ms_per_step", ".2f"), ("parameters", ",.0f"))
    return seconds + [cell.plainly(name, form) for name, form in training]


def _colour(cell: Cell) -> str:
    return OURS if cell.mean("bound") else OTHERS


def picture(cells: Sequence[Cell]) -> bytes:
    """PNG of the excess in nats, or of -log p where no truth is known, one panel for each data set.

    Small points are the seeds, bars two standard errors over them.
    """
    names, sets = list(sorted_by(cells, "contender")), sorted_by(cells, "data")
    figure = Figure(figsize=(3.1 * len(sets) + 0.8, 0.36 * len(names) + 1.4), layout="constrained")
    axes = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
    for axis, (data, every) in zip(axes, sets.items(), strict=True):
        own = [cell for cell in every if cell.rows]
        shown = "excess" if all(cell.mean("excess") for cell in own) else "total"
        for cell in own:
            value, place = cell.mean(shown), names.index(cell.of["contender"])
            assert value is not None
            bar = {"fmt": "o", "markersize": 5, "capsize": 2, "color": _colour(cell)}
            axis.errorbar(value.value, place, xerr=2 * (value.error or 0.0), **bar)
            seeds = [row[shown] for row in cell.rows]
            axis.plot(seeds, [place] * len(seeds), ".", markersize=3, color=INK, alpha=0.5)
        if shown == "excess":
            axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlabel("excess over the truth, nats" if shown == "excess" else "-log p, nats")
        axis.set_title(data, color=INK)
        tidy(axis, "x")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return png(figure)


def scatter(cells: Sequence[Cell]) -> bytes:
    """PNG: a row for each data set, test examples on the left and as many samples of the first seed beside them."""
    names, sets = list(sorted_by(cells, "contender")), sorted_by(cells, "data")
    figure = Figure(figsize=(1.9 * (len(names) + 1), 1.95 * len(sets)), layout="constrained")
    axes = figure.subplots(len(sets), len(names) + 1, squeeze=False)
    for line, (data, every) in zip(axes, sets.items(), strict=True):
        test, own = load_once(data).test.x, {cell.of["contender"]: cell for cell in every}
        samples = {name: np.array(row["samples"]) for name in own for row in own[name].rows if "samples" in row}
        number = max(map(len, samples.values()), default=len(test))
        low, high = test.min(0), test.max(0)
        margin = _BEYOND * (high - low)
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
        _dots(line[0], test[:number], INK)
        line[0].set_ylabel(data, color=INK)
        for axis, name in zip(line[1:], names, strict=True):
            if name in samples:
                _dots(axis, samples[name], _colour(own[name]))
    for axis, title in zip(axes[0], ["test", *names], strict=True):
        axis.set_title(title, color=INK)
    return png(figure)


def _dots(axis: Axes, points: np.ndarray, colour: str) -> None:
    axis.plot(points[:, 0], points[:, 1], ".", color=colour, markersize=2.2, markeredgewidth=0)
