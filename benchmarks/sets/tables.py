"""Sets of tables: cells, diamonds, pictures, a shuttle, earthquakes, weather, flights, sea snails, homes, travels."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sets.archives import member
from benchmarks.sets.real_set import Made


def _columns(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The columns of a table as numbers (N, D), and which rows (M,) have all of them."""

    def number(text: Any) -> float:
        try:
            return float(text)
        except (TypeError, ValueError):
            return np.nan

    table = np.array([[number(row.get(name)) for name in names] for row in rows])
    whole = np.isfinite(table).all(1)
    return table[whole], whole


def _table(
    content: bytes | Sequence[dict[str, Any]],
    names: str,
    source: Callable[[dict[str, Any]], str] | None = None,
    delimiter: str = ",",
) -> Made:
    """The columns `names` of a text with a line of names, or of rows; without `source` each row is a source."""
    if isinstance(content, bytes):
        rows: Sequence[dict[str, Any]] = list(csv.DictReader(content.decode().splitlines(), delimiter=delimiter))
    else:
        rows = content
    table, whole = _columns(rows, names.split())
    sources = [f"{i:06}" if source is None else source(row) for i, row in enumerate(rows)]
    lost = int((~whole).sum())
    kept = [each for each, is_whole in zip(sources, whole, strict=True) if is_whole]
    return Made(table, kept, (f"{lost} rows with missing values",) * bool(lost))


def cancer(files: Sequence[Path]) -> Made:
    content = member(files[0], "sklearn/datasets/data/breast_cancer.csv")
    table = np.loadtxt(io.BytesIO(content), delimiter=",", skiprows=1)[:, :-1]
    return Made(table, [f"{i:06}" for i in range(len(table))])


def diamonds(files: Sequence[Path]) -> Made:
    content = member(files[0], "plotnine/data/diamonds.csv")
    found = _table(content, "carat depth table price x y z")
    sized = np.logical_and((found.x > 0).all(1), (found.x[:, 5:] < 30).all(1))
    kept = [each for each, is_sized in zip(found.source, sized, strict=True) if is_sized]
    return Made(found.x[sized], kept, (f"{int((~sized).sum())} without a size, or of 3 cm and more",))


def segments(files: Sequence[Path]) -> Made:
    content = member(files[0], "river/datasets/segment.csv.zip")
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        text = inner.read(inner.namelist()[0])
    names = "region-centroid-col region-centroid-row vedge-mean hedge-mean rawred-mean rawblue-mean rawgreen-mean"
    return _table(text, names)


def shuttle(files: Sequence[Path]) -> Made:
    content = member(files[0], "river/datasets/shuttle.csv.gz")
    return _table(gzip.decompress(content), "f1 f2 f3 f5 f6 f7")


def earthquakes(files: Sequence[Path]) -> Made:
    content = member(files[0], "package/data/earthquakes.json")
    rows = []
    for feature in json.loads(content)["features"]:
        longitude, latitude, depth = feature["geometry"]["coordinates"]
        hours = str(int(feature["properties"]["time"]) // 21_600_000)  # of which there are six: aftershocks
        magnitude = feature["properties"]["mag"]
        rows.append({"lon": longitude, "lat": latitude, "depth": depth, "mag": magnitude, "hours": hours})
    return _table(rows, "lon lat depth mag", lambda row: row["hours"])


def weather(files: Sequence[Path]) -> Made:
    content = member(files[0], "package/data/seattle-weather.csv")
    return _table(content, "temp_max temp_min wind", lambda row: row["date"][:7])


def flights(files: Sequence[Path]) -> Made:
    content = member(files[0], "package/data/flights-20k.json")
    rows = json.loads(content)
    for row in rows:
        hour, minute = row["date"][11:].split(":")
        row["minute"] = 60 * int(hour) + int(minute)
    return _table(rows, "minute delay distance", lambda row: row["date"][:10])


def abalone(files: Sequence[Path]) -> Made:
    content = member(files[0], "sklego/data/abalone.zip")
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        text = inner.read(inner.namelist()[0])
    names = "length diameter height whole_weight shucked_weight viscera_weight shell_weight rings"
    return _table(text, names)


def homes(files: Sequence[Path]) -> Made:
    content = member(files[0], "plotnine/data/txhousing.csv")
    return _table(content, "sales volume median listings inventory", lambda row: row["city"])


def travel(files: Sequence[Path]) -> Made:
    content = member(files[0], "statsmodels/datasets/modechoice/modechoice.csv")
    return _table(content, "invc invt gc hinc", lambda row: row["individual"], ";")
