"""Rows that differ by their seed as one cell, and the means of their figures with standard errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = dict[str, Any]


@dataclass(frozen=True)
class Mean:
    """A mean, and its standard error: None for a single value."""

    value: float
    error: float | None

    def text(self, digits: int = 3) -> str:
        """The mean ± its standard error."""
        return f"{self.value:.{digits}f}" + ("" if self.error is None else f" ± {self.error:.{digits}f}")


def mean(values: Sequence[float]) -> Mean:
    """The mean and std / sqrt(n), the standard deviation with n - 1."""
    number = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(number) if number > 1 else None
    return Mean(float(np.mean(values)), error)


@dataclass(frozen=True)
class Cell:
    """What was done for several seeds."""

    of: Row
    """What the rows share, by name."""
    rows: tuple[Row, ...]
    """Those that came to their end, by seed."""
    failed: int
    """How many did not."""

    def mean(self, name: str, within: str = "") -> Mean | None:
        """Of this figure, or of that of the dictionary `within` of each row; None where no row has it."""
        rows = [row.get(within, {}) for row in self.rows] if within else self.rows
        values = [row[name] for row in rows if row.get(name) is not None]
        return mean(values) if values else None

    def text(self, name: str, within: str = "", digits: int = 3) -> str:
        """The mean ± its standard error, nothing where there is none."""
        value = self.mean(name, within)
        return value.text(digits) if value else ""

    def plainly(self, name: str, form: str) -> str:
        """The mean alone in this format, nothing where there is none."""
        value = self.mean(name)
        return f"{value.value:{form}}" if value else ""

    def names(self, within: str) -> list[str]:
        """The figures in the dictionary `within` of the rows."""
        return list(dict.fromkeys(name for row in self.rows for name in row.get(within, {})))


def sorted_by(cells: Sequence[Cell], name: str) -> dict[Any, list[Cell]]:
    """The cells by what they have under this name, in the order of their appearance."""
    found: dict[Any, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.of[name], []).append(cell)
    return found


def cells(rows: Sequence[Row], *names: str) -> list[Cell]:
    """The rows by what they have under these names, in the order of their appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    found = []
    for values, group in groups.items():
        whole = sorted((row for row in group if "failed" not in row), key=lambda row: row.get("seed", 0))
        found.append(Cell(dict(zip(names, values, strict=True)), tuple(whole), len(group) - len(whole)))
    return found
