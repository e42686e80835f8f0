"""The results as markdown, and on the screen."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Column, Table

from ndm.benchmarks.comparison.tables import figure
from ndm.benchmarks.samples.distances import DISTANCES
from ndm.benchmarks.samples.summary import TARGET, Cell, Panel

_DIGITS = 4
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


def markdown(panels: Sequence[Panel]) -> str:
    """How few are enough, then every distance."""
    parts = [_HOW, "## Fewest evaluations", _CRITERION, _markdown_table(*_fewest(panels)), *map(_verdict, panels)]
    for panel in panels:
        parts.append(f"## {panel.data}, {panel.contender}")
        parts += [_distances(panel, name) for name in DISTANCES]
    return "\n\n".join(parts) + "\n"


def on_screen(panels: Sequence[Panel]) -> Table:
    """How few are enough."""
    header, rows = _fewest(panels)
    columns = (Column(name.replace(", ", "\n"), no_wrap=not name, overflow="fold") for name in header)
    table = Table(*columns, box=SIMPLE, title="fewest evaluations")
    for row in rows:
        table.add_row(*row)
    return table


def _fewest(panels: Sequence[Panel]) -> tuple[list[str], list[list[str]]]:
    names = list(dict.fromkeys(way for panel in panels for way in panel.ways))
    rows = [
        [
            way.name,
            *(
                " / ".join(_number(panel.fewest(way, name)) for name in DISTANCES) if way in panel.ways else ""
                for panel in panels
            ),
        ]
        for way in names
    ]
    return ["", *(f"{panel.data}, {panel.contender}" for panel in panels)], rows


def _number(evaluations: float | None) -> str:
    return "-" if evaluations is None else f"{evaluations:.3g}"


def _verdict(panel: Panel) -> str:
    """Whether the target is met."""
    best = [
        min(((fewest, way.name) for way in panel.ways if (fewest := panel.fewest(way, name)) is not None), default=None)
        for name in DISTANCES
    ]
    said = [
        f"by the {DISTANCES[name]} {'met' if found and found[0] <= TARGET else 'missed'}"
        + (f" ({found[1]}, {found[0]:.3g})" if found else "")
        for name, found in zip(DISTANCES, best, strict=True)
    ]
    return f"{panel.data}, {panel.contender}, {TARGET} or fewer: {', '.join(said)}."


def _distances(panel: Panel, name: str) -> str:
    budgets = sorted({cell.evaluations for cell in panel.cells if cell.evaluations})
    fixed = [way for way in panel.ways if not way.is_adaptive]
    floor = f" Data from data: {figure(panel.floor[name], _DIGITS)}." if panel.floor else ""
    mark = panel.mark(name)
    at = {(cell.way, cell.evaluations): cell for cell in panel.cells}
    several = len({cell.grid for cell in panel.cells if cell.grid}) > 1
    parts = [
        f"{_title(name)} of {panel.samples} samples from test, by evaluations of the network.{floor}"
        + (f" To be reached: {figure(mark, _DIGITS)}." if mark else ""),
        _markdown_table(
            ["", *map(str, budgets)],
            [[way.name, *(_entry(at.get((way, number)), name, several) for number in budgets)] for way in fixed],
        ),
    ]
    adaptive = [cell for way in panel.ways if way.is_adaptive for cell in panel.of(way)]
    if adaptive:
        parts.append(
            _markdown_table(
                ["adaptive", "tolerance", "evaluations", DISTANCES[name]],
                [
                    [cell.way.name, f"{cell.tolerance:g}", f"{cell.made:.1f}", _entry(cell, name, several=False)]
                    for cell in adaptive
                ],
            )
        )
    return "\n\n".join(parts)


def _entry(cell: Cell | None, name: str, several: bool) -> str:
    """The distance, what grid if there is a choice, how many evaluations if fewer, and how many failed."""
    value = cell.distance(name) if cell else None
    if cell is None:
        return ""
    notes = [cell.grid] if several and cell.grid else []
    notes += [f"{cell.made:g} made"] if cell.evaluations and cell.made != cell.evaluations else []
    notes += [f"{cell.failed} failed"] if cell.failed else []
    return " ".join(([figure(value, _DIGITS)] if value else []) + ([f"({', '.join(notes)})"] if notes else []))


def _title(name: str) -> str:
    return DISTANCES[name][0].upper() + DISTANCES[name][1:]


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
