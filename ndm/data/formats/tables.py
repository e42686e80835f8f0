"""Reader of tables: `.csv` with a line of names, and `.parquet` (extra `tables`); a row is an example of real values.

A column of lists of numbers is as many columns. Values at equal steps, as integers are, have no density: that is
remarked on, and `dequantise=true` or `dequantise=[a,b]` adds noise of one step, the same every time. Constant columns
are refused in training.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ndm.base.errors import InputError, refused
from ndm.base.memory import require_memory
from ndm.base.registry import optional
from ndm.data.dataset import LABEL, NoCondition, Whole
from ndm.data.formats.columns import expanded, number_of, numbers
from ndm.data.formats.dequantise import dequantised, listed
from ndm.data.formats.examples import real_values, unresolved, whole
from ndm.data.labels import classes

_AS_TEXT = 5  # bytes of memory for each of a file, at least: every cell is an object of Python
_AS_OBJECT = 32  # bytes of memory for each value, a number of Python and its place in a list
SUFFIXES = (".csv", ".parquet")
NO_DENSITY = "leave it out of columns=[...]: a density over a constant is infinite"
TELLS_NOTHING = "leave it out of --condition: it tells the model nothing"


def load_file(
    path: Path,
    *,
    columns: Any = None,
    label: Any = None,
    unlabelled: Any = None,
    dequantise: Any = None,
    condition: tuple[str, ...] = (),
) -> Whole:
    """Load every row of the table.

    columns      names of those that are the example, in this order; all but the label if not given
    label        the name of the column of classes: numbers or words (see `ndm.data.labels`)
    unlabelled   keep: examples without a label are kept, without a class
    dequantise   true, or names of columns of integers or of values at equal steps, which get noise
    condition    what a model is told of each row, as `told` says: these columns are no part of the example

    Raises `InputError`, which names the file and the column, and the row of a value that is missing or no number.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(str(path), "an existing file", "check the path")
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    return of_table(path, table, columns, label, unlabelled, dequantise, condition=condition)


def of_table(
    path: Path,
    table: dict[str, list[Any]],
    columns: Any,
    label: Any,
    unlabelled: Any,
    dequantise: Any,
    *,
    condition: tuple[str, ...] = (),
    missing: int | None = None,
    called: Sequence[str] | None = None,
    notes: tuple[str, ...] = (),
) -> Whole:
    """The columns of `table` as examples, as `load_file` says.

    `path` names it in messages, `missing` is a number of no label, and `called` says what labels 0, 1, ... are called.
    """
    if label is not None:
        label = chosen(path, [label], [], table)[0]
    label, given = told(path, table, label, condition)
    labels = classes(
        None if label is None else table[label],
        partial(cell, path, label),
        unlabelled=unlabelled,
        missing=missing,
        names=called,
    )
    names = chosen(path, columns, [name for name in table if name not in (label, *given)], table)
    if twice := [name for name in names if name in given or (condition and name == label)]:
        raise InputError(
            f"the column {twice[0]!r} of {path} in columns=[...] and in --condition",
            "one of them",
            "the density is that of columns=[...], given those of --condition",
        )
    conditions, of_condition = _conditions(path, table, given)
    values = beside(path, {name: numbers(table[name], partial(cell, path, name)) for name in names})
    noisy, noise = dequantised(values, dequantise, str(path), partial(cell, path))
    about = f"the file {path.name}, columns {listed(names)}" + f", noise on {listed(noise)}" * bool(noise)
    about += f", given {listed(condition)}" * bool(condition)
    return whole(
        np.stack(list(noisy.values()), axis=1),
        labels.numbers,
        path,
        about,
        cond=labels.numbers if condition and not given else conditions,
        columns=tuple(noisy),
        notes=(*labels.notes, *notes),
        left_out=tuple(name for name in table if name not in (*names, *given)),
        reading={"columns": names, "dimensions": list(noisy), "dequantise": noise}
        | ({"label": label} if condition and not given else {})
        | ({"unlabelled": unlabelled} if condition and not given and unlabelled else {}),
        objection=unchanging(path, values) or of_condition,
        classes=labels.names,
        condition=condition,
    )


def told(
    path: Path, table: dict[str, list[Any]], label: str | None, condition: tuple[str, ...]
) -> tuple[str | None, list[str]]:
    """Make the condition of each row: the column of classes, or columns of numbers.

    The condition `label` is the class: the column given by label=NAME, or the one called label. A column of words is
    the class, too; one of numbers is a number, unless label= names it. Raises `InputError` for what is not there, and
    for a class beside numbers.
    """
    if not condition:
        return label, []
    if condition == (LABEL,) and label is None and LABEL not in table:
        raise NoCondition(
            f"no labels in {path}",
            f"a column called {LABEL}, or label=NAME in --data-options",
            "its columns: " + listed(table),
        )
    if condition == (LABEL,):
        return label or LABEL, []
    if absent := [name for name in condition if name not in table]:
        raise NoCondition(f"{path} without the column {absent[0]!r} of --condition", "one of " + listed(table))
    names = chosen(path, list(condition), [], table, "--condition")
    if names == [label] or (len(names) == 1 and label is None and _are_words(table[names[0]])):
        return names[0], []
    if label is not None:
        raise InputError(
            f"the condition {listed(names)} beside label={label} of {path}",
            "the class, or columns of numbers",
            f"say --condition {LABEL}, or choose columns=[...] instead of label={label}",
        )
    return None, names


def _are_words(values: Sequence[Any]) -> bool:
    """Whether a column holds classes that cannot be numbers: words or truth values, missing ones left aside."""
    found = [value for value in values if value is not None and not (isinstance(value, str) and not value.strip())]
    return bool(found) and all(
        isinstance(value, bool) or (isinstance(value, str) and number_of(value) is None) for value in found
    )


def _conditions(
    path: Path, table: dict[str, list[Any]], names: list[str]
) -> tuple[np.ndarray | None, InputError | None]:
    """The columns as float32 (N, C), None without any; and why no model can be trained on them, if so."""
    if not names:
        return None, None
    columns = {name: numbers(table[name], partial(cell, path, name)) for name in names}
    if wide := [name for name, column in columns.items() if column.ndim > 1]:
        raise InputError(f"{path}, column {wide[0]!r} of lists in --condition", "one number in each row")
    values = np.stack(list(columns.values()), 1)
    objection = unchanging(path, columns, TELLS_NOTHING) or unresolved(values, str(path), names)
    return np.asarray(real_values(values, str(path))), objection


def _csv(path: Path) -> dict[str, list[Any]]:
    require_memory(
        _AS_TEXT * path.stat().st_size,
        f"{path} of {path.stat().st_size:,} bytes as text",
        "save its values with np.save, which are read from the disk when they are needed",
    )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise refused(path, "read", error, "a table of text, UTF-8") from error
    rows = rows[next((i for i, row in enumerate(rows) if row), 0) :]
    while rows and not rows[-1]:  # empty lines before and after the table
        rows.pop()
    if len(rows) < 2:
        raise InputError(f"{path} of {len(rows)} lines", "a line of names and one for each example")
    names = [name.strip() for name in rows[0]]
    if len(names) == 1:
        rows = [row or [""] for row in rows]  # an empty line is a missing value
    if len(names) == 1 and (others := [mark for mark in (";", "\t", "|") if mark in names[0]]):
        raise InputError(
            f"{path}, which begins with {names[0][:60]!r}",
            "comma-separated values with a line of names",
            f"separate values by ',' instead of {others[0]!r}, and write decimals with a point",
        )
    if len(set(names)) < len(names) or "" in names or all(number_of(name) is not None for name in names):
        raise InputError(f"{path}, which begins with {','.join(names)[:60]}", "a line of different names of columns")
    for i, row in enumerate(rows[1:], 1):
        if len(row) != len(names):
            raise InputError(f"{path}, row {i} of {len(row)} values", f"{len(names)}, one for each column")
    return dict(zip(names, map(list, zip(*rows[1:], strict=True)), strict=True))


def _parquet(path: Path) -> dict[str, list[Any]]:
    parquet = optional("pyarrow.parquet", "tables")
    try:
        names = parquet.read_schema(path).names
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise InputError(f"{path} with several columns {twice[0]!r}", "different names of columns")
        about = parquet.read_metadata(path)
        groups = [about.row_group(i) for i in range(about.num_row_groups)]
        number = sum(group.column(k).num_values for group in groups for k in range(group.num_columns))
        require_memory(
            _AS_OBJECT * number,
            f"{path} of {number:,} values",
            "save them with np.save, which are read from the disk when they are needed",
        )
        table = parquet.read_table(path)
        return {name: table[name].to_pylist() for name in table.column_names}
    except InputError:
        raise
    except Exception as error:  # damaged files make pyarrow raise many types
        raise refused(path, "read", error, "a whole .parquet file") from error


def chosen(
    path: Path, columns: Any, default: list[str], table: dict[str, Any], option: str = "columns=[...]"
) -> list[str]:
    """Check the names that `columns` gives: each in the table, and each once; `option` is where they were given."""
    if columns is None:
        return default
    given = columns if isinstance(columns, list) else [columns]
    names = [str(name) for name in given]
    if absent := [name for name in names if name not in table]:
        word = isinstance(given[names.index(absent[0])], str)
        which = f"a column {absent[0]!r}" if len(absent) == 1 else f"columns {', '.join(map(repr, absent))}"
        raise InputError(
            f"{path} without {which}",
            "one of " + listed(table),
            "" if word else "write a name that looks like a number in quotes: '[\"1.50\"]'",
        )
    if not names or len(set(names)) < len(names):
        raise InputError(f"{listed(names)} in {option}", "different names, at least one")
    return names


def cell(path: Path, column: str, i: int) -> str:
    """The name of a value in messages; rows are counted from 1, without the line of names."""
    return f"{path}, column {column!r}, row {i + 1}"


def beside(path: Path, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert the columns of `values` to columns of numbers (N,); there must be a column and a row at least."""
    if not values:
        raise InputError(f"{path} without columns of values", "at least one beside the label")
    if not all(map(len, values.values())):
        raise InputError(f"{path} without rows", "one for each example")
    return expanded(values)


def unchanging(path: Path, columns: dict[str, np.ndarray], why: str = NO_DENSITY) -> InputError | None:
    """The objection to training on a constant column."""
    constant = [name for name, column in columns.items() if np.ptp(column) == 0]
    return (
        InputError(
            f"{path}, column {constant[0]!r}, which never changes",
            "columns that vary",
            why,
        )
        if constant
        else None
    )
