"""Tables: `.csv` with a line of names, and `.parquet` (extra `tables`); every row is one example of real values.

A column of integers has no density: it is flagged, and `dequantise=true` or `dequantise=[a,b]` adds U(0, 1) noise, the
same every time. Constant columns are refused, and duplicate ones reported.
"""

import csv
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ndm.data.dataset import DataSet
from ndm.data.examples import divide, examples
from ndm.errors import InputError, refused
from ndm.memory import require_memory
from ndm.registry import optional

_AS_TEXT = 5  # bytes of memory for each of a file, at least: every cell is an object of Python
SUFFIXES = (".csv", ".parquet")


def load_file(path: Path, *, columns: Any = None, label: Any = None, dequantise: Any = None) -> DataSet:
    """The table as a data set, split 80/10/10 (see `divide`).

    columns      names of those that are the example, in this order; all but the label if not given
    label        the name of the column of classes: integers, or words, which are numbered in alphabetical order
    dequantise   true, or names of columns of integers that get noise

    Raises `InputError`, which names the file and the column, and the row of a value that is missing or no number.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(str(path), "an existing file", "check the path")
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    return of_table(path, table, columns, label, dequantise)


def of_table(path: Path, table: dict[str, list[Any]], columns: Any, label: Any, dequantise: Any) -> DataSet:
    """The columns of `table` as a data set, as `load_file` says; `path` names it in messages."""
    names = chosen(path, columns, [name for name in table if name != label], table)
    y = None if label is None else classes(table[chosen(path, [label], [], table)[0]])
    values = {name: numbers(table[name], partial(_cell, path, name)) for name in names}
    x, notes = beside(path, values, dequantise)
    return divide(examples(x, y, str(path)), path.name, f"the file {path.name}, columns {', '.join(names)}", notes)


def _csv(path: Path) -> dict[str, list[Any]]:
    require_memory(_AS_TEXT * path.stat().st_size, f"{path} of {path.stat().st_size:,} bytes as text",
                   "save its values with np.save, which are read from the disk when they are needed")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise refused(path, "read", error, "a table of text, UTF-8") from error
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise InputError(f"{path} of {len(rows)} lines", "a line of names and one for each example")
    names = [name.strip() for name in rows[0]]
    if len(names) == 1 and (others := [mark for mark in (";", "\t", "|") if mark in names[0]]):
        raise InputError(f"{path}, which begins with {names[0][:60]!r}", "comma-separated values with a line of names",
                         f"separate values by ',' instead of {others[0]!r}, and write decimals with a point")
    if len(set(names)) < len(names) or "" in names or all(_is_number(name) for name in names):
        raise InputError(f"{path}, which begins with {','.join(names)[:60]}", "a line of different names of columns")
    for i, row in enumerate(rows[1:], 1):
        if len(row) != len(names):
            raise InputError(f"{path}, row {i} of {len(row)} values", f"{len(names)}, one for each column")
    return dict(zip(names, map(list, zip(*rows[1:], strict=True)), strict=True))


def _parquet(path: Path) -> dict[str, list[Any]]:
    parquet = optional("pyarrow.parquet", "tables")
    try:
        names = parquet.read_schema(path).names
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{path} with several columns {twice[0]!r}", "different names of columns")
        table = parquet.read_table(path)
        return {name: table[name].to_pylist() for name in table.column_names}
    except InputError:
        raise
    except Exception as error:  # damaged files make pyarrow raise many types
        raise refused(path, "read", error, "a whole .parquet file") from error


def chosen(path: Path, columns: Any, default: list[str], table: dict[str, Any]) -> list[str]:
    """The names that `columns` gives, each of the table and each once."""
    if columns is None:
        return default
    names = [str(name) for name in columns] if isinstance(columns, list) else [str(columns)]
    if absent := [name for name in names if name not in table]:
        raise InputError(f"{path} without a column {absent[0]!r}", "one of " + ", ".join(table))
    if not names or len(set(names)) < len(names):
        raise InputError(f"columns={names}", "different names, at least one")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cell(path: Path, column: str, i: int) -> str:
    """What messages call the value; rows are counted from 1, without the line of names."""
    return f"{path}, column {column!r}, row {i + 1}"


def numbers(column: list[Any], where: Callable[[int], str]) -> np.ndarray:
    """The column as float64; raises `InputError`, which names value i as where(i), for what is no finite number."""
    found = np.empty(len(column))
    for i, value in enumerate(column):
        if isinstance(value, bool) or not (isinstance(value, int | float) or (isinstance(value, str)
                                                                              and _is_number(value))):
            words = isinstance(value, str) and value.strip()
            raise InputError(f"{where(i)}: {value!r}", "a number", "choose other columns=[...], "
                             + "label=NAME of this column if its words are classes, " * bool(words) + "or repair it")
        found[i] = float(value)
        if not np.isfinite(found[i]):
            raise InputError(f"{where(i)}: {value}", "a finite number", "remove or repair this row")
    return found


def classes(column: list[Any]) -> np.ndarray:
    """Integers 0, 1, ... in the order of numbers or of the alphabet."""
    words = [str(value) for value in column]
    order = sorted(set(words), key=float if all(map(_is_number, words)) else str)
    numbers = {word: i for i, word in enumerate(order)}
    return np.array([numbers[word] for word in words])


def beside(path: Path, values: dict[str, np.ndarray], dequantise: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """The columns beside each other (N, D), dequantised where that is asked, and what is to be said of them."""
    if not values:
        raise InputError(f"{path} without columns of values", "at least one beside the label")
    if not all(map(len, values.values())):
        raise InputError(f"{path} without rows", "one for each example")
    if constant := [name for name, column in values.items() if np.ptp(column) == 0]:
        raise InputError(f"{path}, column {constant[0]!r}, which never changes", "columns that vary",
                         "leave it out of columns=[...]: a density over a constant is infinite")
    integers = [name for name, column in values.items() if (column == np.round(column)).all()]
    wanted = integers if dequantise is True else chosen(path, dequantise or None, [], dict(values))
    if other := [name for name in wanted if name not in integers]:
        raise InputError(f"dequantise={other}", "columns of integers" + f": {', '.join(integers)}" * bool(integers))
    notes = [f"columns {first} and {second} are the same" for first, second in itertools.combinations(values, 2)
             if (values[first] == values[second]).all()]
    notes += [f"column {name} holds integers: a density is infinite there without dequantise=[{name}]"
              for name in integers if name not in wanted]
    noise = {name: np.random.RandomState(list(name.encode())).random_sample(len(values[name])) for name in wanted}
    return np.stack([column + noise.get(name, 0) for name, column in values.items()], axis=1), tuple(notes)
