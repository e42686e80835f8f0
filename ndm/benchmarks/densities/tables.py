"""The results as markdown, and on the screen."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from ndm.benchmarks.comparison.aggregate import Cell, Difference, difference, reference
from ndm.benchmarks.comparison.plan import Rates
from ndm.benchmarks.comparison.tables import figure

REFERENCE = "nsf"  # the contender that all others are compared with

_LIKELIHOOD = """-log p(x), nats: mean over seeds ± standard error over {seeds} seeds (over {number} test examples). Of
ours it is the density of the ODE; the bound that they are trained by stands beside it. The excess is that over the true
density, on the same examples. Less {reference}: paired by seed and example, negative is better; **bold**: beyond two
standard errors of both kinds."""
_SAMPLES = """Energy distance of {number} samples from the test examples, mean ± standard error over seeds; as many
training examples are at {floor}."""
_COST = """CPU seconds on one thread, for the {number} likelihoods above and {samples} samples, and the training."""


def markdown(cells: Sequence[Cell], rates: Rates) -> str:
    """One section for each data set: likelihoods, samples, cost."""
    return (
        "\n\n".join(
            _section([cell for cell in cells if cell.data == data], rates)
            for data in dict.fromkeys(cell.data for cell in cells)
        )
        + "\n"
    )


def show(cells: Sequence[Cell]) -> None:
    """The figures that matter most, on the screen: a table for each data set, errors over seeds."""
    for data in dict.fromkeys(cell.data for cell in cells):
        table = Table(
            Column(data, no_wrap=True),
            Column("-log p, nats", no_wrap=True),
            Column("excess", no_wrap=True),
            "bound",
            "energy",
            "log p, s",
            "draw, s",
            box=SIMPLE,
        )
        for cell in cells:
            if cell.data == data:
                distance = cell.energy_distances().get(_sampler(cell))
                table.add_row(
                    cell.contender,
                    _of(cell, "total") + _diverged(cell),
                    _of(cell, "excess"),
                    _plain(cell, "bound", ".3f"),
                    f"{distance.value:.4f}" if distance else "",
                    _plain(cell, "likelihood_seconds", ".2f"),
                    _plain(cell, "sampling_seconds", ".2f"),
                )
        Console().print(table)


def _section(own: Sequence[Cell], rates: Rates) -> str:
    data, budget, whole = own[0].data, own[0].budget, [cell for cell in own if cell.rows]
    title = f"## {data}, {budget} of training"
    if not whole:
        return f"{title}\n\nNo training came to its end."
    row = whole[0].rows[0]
    factors = ", ".join(
        f"{cell.contender} {rates[data, cell.contender, True]:g}"
        for cell in own
        if (data, cell.contender, True) in rates
    )
    seeds = "/".join(map(str, sorted({len(cell.rows) for cell in whole})))
    parts = [title, _paragraph(_LIKELIHOOD, reference=REFERENCE, seeds=seeds, number=row["num_examples"])]
    if truth := whole[0].mean("truth"):
        parts.append(f"The truth: {truth.value:.3f}.")
    parts.append(
        _table(
            ["-log p", "excess", f"less {REFERENCE}", "bound"],
            [
                [
                    cell.contender,
                    _with_examples(cell, "total", "standard_error") + _diverged(cell),
                    _with_examples(cell, "excess", "excess_standard_error"),
                    _less(own, cell),
                    _with_examples(cell, "bound", "bound_standard_error"),
                ]
                for cell in own
            ],
        )
    )
    floor = next(iter(cell.energy_distances()["floor"] for cell in whole if cell.energy_distances()), None)
    if floor is not None:
        parts += [
            _paragraph(_SAMPLES, number=row["num_samples"], floor=figure(floor, 4)),
            _table(["energy distance", "sampler"], [[cell.contender, _distance(cell), _sampler(cell)] for cell in own]),
        ]
    parts += [
        _paragraph(_COST, number=row["num_examples"], samples=row.get("num_samples", 0)),
        _table(
            ["likelihoods", "samples", "steps trained", "ms a step", "parameters"],
            [
                [
                    cell.contender,
                    _of(cell, "likelihood_seconds", 2),
                    _of(cell, "sampling_seconds", 2),
                    _plain(cell, "steps_trained", ",.0f"),
                    _plain(cell, "ms_per_step", ".2f"),
                    _plain(cell, "parameters", ",.0f"),
                ]
                for cell in own
            ],
        ),
    ]
    if factors:
        parts.append(f"Factors of the learning rate, chosen on validation: {factors}.")
    return "\n\n".join(parts)


def _paragraph(text: str, **values: object) -> str:
    return text.format(**values).replace("\n", " ")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _of(cell: Cell, name: str, digits: int = 3) -> str:
    value = cell.mean(name)
    return "" if value is None else figure(value, digits)


def _plain(cell: Cell, name: str, form: str) -> str:
    value = cell.mean(name)
    return "" if value is None else f"{value.value:{form}}"


def _with_examples(cell: Cell, name: str, error: str) -> str:
    over_examples = cell.mean(error)
    return "" if over_examples is None else f"{_of(cell, name)} ({over_examples.value:.3f})"


def _less(own: Sequence[Cell], cell: Cell) -> str:
    beside = reference(own, cell, [REFERENCE])
    less: Difference | None = difference(cell, beside) if beside else None
    if less is None:
        return ""
    error = "" if less.error_over_seeds is None else f" ± {less.error_over_seeds:.3f}"
    text = f"{less.value:+.3f}{error}"
    return (f"**{text}**" if less.is_clear else text) + f" ({less.error_over_examples:.3f})"


def _sampler(cell: Cell) -> str:
    return next((name for name in cell.energy_distances() if name != "floor"), "")


def _distance(cell: Cell) -> str:
    value = cell.energy_distances().get(_sampler(cell))
    return "" if value is None else figure(value, 4)


def _diverged(cell: Cell) -> str:
    return f" ({cell.diverged} diverged)" if cell.diverged else ""
