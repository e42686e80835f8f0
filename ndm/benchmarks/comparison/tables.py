"""The results as markdown: bounds, differences from the learned path, and the quality of samples."""

from collections.abc import Callable, Mapping, Sequence

from ndm.benchmarks.comparison.aggregate import Cell, Mean, difference, reference
from ndm.benchmarks.comparison.plan import Rates, Sizes

_AMPLE = 64  # the T at which identity's bound is the mark for the default to reach

At = Mapping[tuple[str, int | None], Cell]


def markdown(cells: Sequence[Cell], rates: Rates, sizes: Sizes) -> str:
    """One section for each data set, one part of it for each budget."""
    parts = []
    for data in dict.fromkeys(cell.data for cell in cells):
        own = [cell for cell in cells if cell.data == data]
        parts.append(f"## {data}\n\n{_examples(own)}{_choices(data, own, rates, sizes)}")
        for budget in dict.fromkeys(cell.budget for cell in own):
            parts.append(_of_budget([cell for cell in own if cell.budget == budget], budget))
    return "\n\n".join(parts) + "\n"


def _of_budget(own: Sequence[Cell], budget: str) -> str:
    at: At = {(cell.contender, cell.timesteps): cell for cell in own}
    names = list(dict.fromkeys(cell.contender for cell in own))
    times = sorted({cell.timesteps for cell in own}, key=lambda time: time or float("inf"))
    unit = own[0].unit
    parts = [
        f"### {budget} of training\n\nBound, {unit}: mean ± standard error over {_seeds(own)} seeds.",
        _table(names, times, lambda name, time: _bound(at.get((name, time)))),
    ]
    others = list(dict.fromkeys(cell.contender for cell in own if reference(own, cell)))
    if others:
        parts += [
            f"Contender - default, {unit}, paired (contender - scaling where the default was not run, being F = x"
            " itself): mean ± standard error over seeds (over examples); positive: the learned path is better. "
            "**Bold**: beyond two standard errors of both kinds.",
            _table(others, times, lambda name, time: _less(own, at.get((name, time)))),
        ]
    parts += [line for line in (_reaches(at, times),) if line]
    parts += [
        _table(names, times, lambda name, time: _cost(at.get((name, time))), "Steps trained, ms a step, parameters:")
    ]
    return "\n\n".join(parts + _quality(own, names))


def _table(
    names: Sequence[str], times: Sequence[int | None], entry: Callable[[str, int | None], str], caption: str = ""
) -> str:
    lines = ["| | " + " | ".join(f"T = {time or '∞'}" for time in times) + " |", "|---" * (len(times) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(entry(name, time) for time in times) + " |" for name in names]
    return "\n".join([caption, ""] * bool(caption) + lines)


def figure(value: Mean, digits: int = 3) -> str:
    """The mean ± its standard error."""
    error = "" if value.error is None else f" ± {value.error:.{digits}f}"
    return f"{value.value:.{digits}f}{error}"


def _bound(cell: Cell | None) -> str:
    if cell is None:
        return ""
    total = cell.mean("total")
    diverged = f" ({cell.diverged} diverged)" if cell.diverged else ""
    return (figure(total) if total else "") + diverged


def _less(own: Sequence[Cell], cell: Cell | None) -> str:
    beside = reference(own, cell) if cell else None
    less = difference(cell, beside) if cell and beside else None
    if less is None:
        return ""
    over_seeds = "" if less.error_over_seeds is None else f" ± {less.error_over_seeds:.3f}"
    text = f"{less.value:+.3f}{over_seeds}"
    return (f"**{text}**" if less.is_clear else text) + f" ({less.error_over_examples:.3f})"


def _cost(cell: Cell | None) -> str:
    if cell is None or not cell.rows:
        return ""
    steps, ms, parameters = (cell.mean(name) for name in ("steps_trained", "ms_per_step", "parameters"))
    assert steps and ms and parameters
    return f"{steps.value:.0f}, {ms.value:.1f}, {parameters.value:,.0f}"


def _reaches(at: At, times: Sequence[int | None]) -> str:
    mark = at[("identity", _AMPLE)].mean("total") if ("identity", _AMPLE) in at else None
    if mark is None:
        return ""
    for time in times:
        total = at[("default", time)].mean("total") if ("default", time) in at else None
        if time is not None and total is not None and total.value <= mark.value:
            return f"The default reaches identity's bound at T = {_AMPLE} ({mark.value:.3f}) at **T = {time}**."
    return f"The default reaches identity's bound at T = {_AMPLE} ({mark.value:.3f}) at no T that was measured."


def _quality(own: Sequence[Cell], names: Sequence[str]) -> list[str]:
    found = {(cell.contender, way): value for cell in own for way, value in cell.energy_distances().items()}
    ways = sorted(
        {way for _, way in found if way != "floor"}, key=lambda way: (way.split(",")[0], int(way.split()[-2]))
    )
    if not ways:
        return []
    lines = ["| | " + " | ".join(ways) + " |", "|---" * (len(ways) + 1) + "|"]
    for name in names:
        entries = (figure(found[name, way], 4) if (name, way) in found else "" for way in ways)
        lines.append(f"| {name} | " + " | ".join(entries) + " |")
    floor = next(value for (_, way), value in found.items() if way == "floor")
    return [
        "Energy distance of samples from held-out data, mean ± standard error over seeds. Ancestral: models of "
        "that T; deterministic: models of continuous time. As many training examples are at "
        f"{figure(floor, 4)}.",
        "\n".join(lines),
    ]


def _seeds(own: Sequence[Cell]) -> str:
    counts = sorted({len(cell.rows) for cell in own})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _examples(own: Sequence[Cell]) -> str:
    row = next((cell.rows[0] for cell in own if cell.rows), None)
    if row is None:
        return "No training came to its end."
    return f"First {row['num_examples']} {row['split']} examples, {row['draws']} draws each."


def _choices(data: str, own: Sequence[Cell], rates: Rates, sizes: Sizes) -> str:
    names = list(dict.fromkeys(cell.contender for cell in own))
    factors = [
        f"{kind}: "
        + ", ".join(f"{name} {rates[data, name, limit]:g}" for name in names if (data, name, limit) in rates)
        for kind, limit in (("chains", False), ("continuous time", True))
        if any((data, name, limit) in rates for name in names)
    ]
    found = [f"{name} {sizes[data, name]}" for name in names if (data, name) in sizes]
    text = f" Factors of the learning rate, chosen on validation, for {'; for '.join(factors)}." if factors else ""
    return text + (f" Channels or width: {', '.join(found)}." if found else "")
