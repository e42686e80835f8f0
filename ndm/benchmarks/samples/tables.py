"""The results as markdown, and on the screen."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Column, Table

from ndm.benchmarks.comparison.tables import figure
from ndm.benchmarks.samples.distances import DISTANCES
from ndm.benchmarks.samples.summary import TARGET, Cell, Panel

_TITLES = {"energy_distance": "Energy distance", "sliced_wasserstein": "Sliced Wasserstein distance"}
_CRITERION = (
    "Fewest evaluations at which the mean over seeds is at most that of the deterministic sampler at 64 evaluations "
    "plus its standard error over seeds, there and at every larger number that was measured: by the energy distance / "
    "by the sliced Wasserstein distance; -: at none.")


def markdown(panels: Sequence[Panel]) -> str:
    """How few are enough, then every distance."""
    parts = ["## Fewest evaluations", _CRITERION, _markdown_table(*_fewest(panels)), *map(_verdict, panels)]
    for panel in panels:
        parts.append(f"## {panel.data}, {panel.contender}")
        parts += [_distances(panel, name) for name in DISTANCES]
    return "\n\n".join(parts) + "\n"


def on_screen(panels: Sequence[Panel]) -> Table:
    """How few are enough."""
    header, rows = _fewest(panels)
    table = Table(*(Column(name, no_wrap=not name) for name in header), box=SIMPLE, title="fewest evaluations")
    for row in rows:
        table.add_row(*row)
    return table


def _fewest(panels: Sequence[Panel]) -> tuple[list[str], list[list[str]]]:
    names = list(dict.fromkeys(way for panel in panels for way in panel.ways))
    rows = [[way.name, *(" / ".join(_number(panel.fewest(way, name)) for name in DISTANCES)
                         if way in panel.ways else "" for panel in panels)] for way in names]
    return ["", *(f"{panel.data}, {panel.contender}" for panel in panels)], rows


def _number(evaluations: float | None) -> str:
    return "-" if evaluations is None else f"{evaluations:.4g}"


def _verdict(panel: Panel) -> str:
    """Whether the target is met."""
    best = [min(((fewest, way.name) for way in panel.ways if (fewest := panel.fewest(way, name)) is not None),
                default=None) for name in DISTANCES]
    said = [f"by the {_TITLES[name].lower()} {'met' if found and found[0] <= TARGET else 'missed'}"
            + (f" ({found[1]}, {found[0]:.4g})" if found else "")
            for name, found in zip(DISTANCES, best, strict=True)]
    return f"{panel.data}, {panel.contender}, {TARGET} or fewer: {', '.join(said)}."


def _distances(panel: Panel, name: str) -> str:
    budgets = sorted({cell.evaluations for cell in panel.cells if cell.evaluations})
    fixed = [way for way in panel.ways if not way.is_adaptive]
    digits = 4
    floor = f" Data from data: {figure(panel.floor[name], digits)}." if panel.floor else ""
    mark = panel.mark(name)
    at = {(cell.way, cell.evaluations): cell for cell in panel.cells}
    several = len({cell.grid for cell in panel.cells if cell.grid}) > 1
    parts = [f"{_TITLES[name]} of {panel.samples} samples from test, by evaluations of the network.{floor}"
             + (f" The mark: {mark:.{digits}f}." if mark is not None else ""),
             _markdown_table(["", *map(str, budgets)],
                             [[way.name, *(_entry(at.get((way, number)), name, digits, several) for number in budgets)]
                              for way in fixed])]
    adaptive = [cell for way in panel.ways if way.is_adaptive for cell in panel.of(way)]
    if adaptive:
        parts.append(_markdown_table(["adaptive", "tolerance", "evaluations", _TITLES[name].lower()], [
            [cell.way.name, f"{cell.tolerance:g}", f"{cell.made:.1f}", figure(cell.distance(name), digits)]
            for cell in adaptive]))
    return "\n\n".join(parts)


def _entry(cell: Cell | None, name: str, digits: int, several: bool) -> str:
    if cell is None:
        return ""
    made = "" if cell.made == cell.evaluations else f", {cell.made:g} made"
    return figure(cell.distance(name), digits) + (f" ({cell.grid}{made})" if several else made)


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
