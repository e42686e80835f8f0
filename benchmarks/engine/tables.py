"""Rows as a table of pandas: means with standard errors of what differs by its seed, in Markdown."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas import DataFrame

from benchmarks.engine.rows import Row

Text = Callable[[DataFrame], str]  # of a cell: rows that differ by their seed alone


def frame(rows: Iterable[Row]) -> DataFrame:
    """The rows with `failed`, and a column `name.key` for each key of a dictionary; `timesteps` None is infinity."""
    found = pd.json_normalize(list(rows), max_level=1)
    if "timesteps" in found:
        found["timesteps"] = found["timesteps"].astype(float).fillna(math.inf)
    return found if "failed" in found else found.assign(failed=None)


def done(cell: DataFrame) -> DataFrame:
    """The rows that came to their end."""
    return cell[cell["failed"].isna()]


@dataclass(frozen=True)
class Mean:
    """A mean, and its standard error: None for a single value."""

    value: float
    error: float | None

    def text(self, digits: int = 3) -> str:
        """The mean ± its standard error."""
        return f"{self.value:.{digits}f}" + ("" if self.error is None else f" ± {self.error:.{digits}f}")


def mean(cell: DataFrame, name: str) -> Mean | None:
    """The mean and std / sqrt(n), with n - 1, of a figure of rows that came to their end; None where none has it."""
    values = done(cell)[name].dropna().astype(float) if name in cell else pd.Series()
    return Mean(float(values.mean()), float(values.sem()) if len(values) > 1 else None) if len(values) else None


def text(cell: DataFrame, name: str, digits: int = 3) -> str:
    """The mean ± its standard error, nothing where there is none."""
    found = mean(cell, name)
    return found.text(digits) if found else ""


def plain(cell: DataFrame, name: str, form: str) -> str:
    """The mean alone in this format, nothing where there is none."""
    found = mean(cell, name)
    return f"{found.value:{form}}" if found else ""


def keys(cell: DataFrame, name: str) -> list[str]:
    """The keys of the dictionary `name` that a row has a figure for."""
    present = cell.dropna(axis="columns", how="all").columns
    return [column.partition(".")[2] for column in present if column.startswith(f"{name}.")]


def table(corner: str, header: Iterable[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; `corner` is the heading of its first column."""
    heads = list(header)
    top = f"| {corner} |" if corner else "| |"
    body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([f"{top} {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|", *body])


def grid(found: DataFrame, line: str, column: str, entry: Text, head: Callable[[Any], str] = str) -> str:
    """A table of the cells by two of their names: lines as they appear, unless they are empty, columns in order."""
    cells, across = dict(iter(found.groupby([line, column], sort=False))), sorted(found[column].dropna().unique())
    lines = [
        [str(name), *(entry(cells[name, at]) if (name, at) in cells else "" for at in across)]
        for name in found[line].unique()
    ]
    return table("", map(head, across), [words for words in lines if any(words[1:])])


def listing(found: DataFrame, line: str, entries: Mapping[str, Text]) -> str:
    """A table of the cells by one of their names, as they appear, with an entry under each heading."""
    cells = found.groupby(line, sort=False)
    return table("", entries, [[str(name), *(entry(cell) for entry in entries.values())] for name, cell in cells])


def number_of_steps(timesteps: float) -> str:
    """T = 4, or T = ∞."""
    return "T = ∞" if timesteps == math.inf else f"T = {timesteps:.0f}"
