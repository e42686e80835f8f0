"""Check data: read every example, and compare files with their published checksums."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ndm.base.axes import DATA_SETS
from ndm.base.files import sha256
from ndm.data.dataset import SPLITS, DataSet
from ndm.data.labels import NO_CLASS
from ndm.data.lazy import Examples, chunks
from ndm.data.reading import load
from ndm.data.sets._supplied import folders


@dataclass(frozen=True)
class CheckedSplit:
    """What a check found out about a split.

    num          of its examples
    low, high    their least and largest value
    mean         of their values
    num_classes  how many classes it has examples of; None where there are no labels
    unlabelled   how many examples have none
    """

    num: int
    dtype: str
    low: float
    high: float
    mean: float
    num_classes: int | None
    unlabelled: int


def check(name_or_path: str, options: Mapping[str, Any] | None = None) -> tuple[DataSet, dict[str, CheckedSplit]]:
    """Data, and what their splits hold, every example fetched and therefore decoded.

    Raises `InputError` as `load`, and for an example that cannot be had.
    """
    data = load(name_or_path, options)
    return data, {part: _checked(data.split(part).x, data.split(part).y) for part in SPLITS}


def archives(name: str) -> Iterator[tuple[Path, str, str]]:
    """The files of the data set that are here and have a published sha256, with theirs and the published.

    It is too slow to compute at each load. The files of the other sets are verified whenever they are loaded.
    """
    says = DATA_SETS.constants(name)
    known = says.get("ARCHIVES", {})
    for file, published in known.items():
        for place in folders(*says["FOLDERS"]):
            if (place / file).is_file():
                yield place / file, sha256(place / file), published


def _checked(x: Examples, y: np.ndarray | None) -> CheckedSplit:
    parts = [
        (float(part.min()), float(part.max()), float(part.mean(dtype=np.float64)), len(part)) for _, part in chunks(x)
    ]
    lows, highs, means, nums = zip(*parts, strict=True)
    return CheckedSplit(
        len(x),
        str(x.dtype),
        min(lows),
        max(highs),
        float(np.average(means, weights=nums)),
        None if y is None else len(set(y[y != NO_CLASS].tolist())),
        0 if y is None else int((y == NO_CLASS).sum()),
    )
