"""What `ndm data` asks of data: whether they are here, what they hold, and which checksums are published for them."""

from pathlib import Path

import numpy as np

from ndm.base.errors import InputError
from ndm.data import data_sets
from ndm.data.lazy import Examples, chunks
from ndm.data.sets._supplied import find_any, folders


def findings(x: Examples) -> tuple[float, float, float]:
    """Least, largest and mean value, every example fetched and therefore decoded."""
    parts = [
        (float(part.min()), float(part.max()), float(part.mean(dtype=np.float64)), len(part)) for _, part in chunks(x)
    ]
    lows, highs, means, nums = zip(*parts, strict=True)
    return min(lows), max(highs), float(np.average(means, weights=nums))


def archives(name: str) -> list[tuple[Path, str]]:
    """The files of the data set that are here and have a published sha256, which is too slow to compute at each load.

    Those of the other sets have theirs verified whenever they are loaded.
    """
    known = getattr(data_sets().get(name), "ARCHIVES", {})
    places = folders(*data_sets()[name].FOLDERS) if known else []
    return [(place / file, digest) for file, digest in known.items() for place in places if (place / file).is_file()]


def is_here(name: str) -> bool:
    """Whether the files of the data set are on this machine; those that travel with the package always are."""
    module = data_sets()[name]
    if not hasattr(module, "FIRST"):
        return True
    try:
        find_any(module.FIRST, folders(*module.FOLDERS, installed=getattr(module, "INSTALLED", None)), "")
    except InputError:
        return False
    return True
