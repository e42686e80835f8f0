"""Reader of the data sets in the package (see files/ATTRIBUTION.md)."""

from importlib.resources import files

import numpy as np

from ndm.data.dataset import DataSet, Split


def load_vendored(
    name: str,
    sizes: tuple[int, int, int],
    *,
    source: str,
    num_levels: int | None = None,
    num_classes: int = 0,
) -> DataSet:
    """Load the rows of files/<name>.npz, cut in order: they are stored permuted."""
    with (files("ndm.data.sets") / "files" / f"{name}.npz").open("rb") as file, np.load(file) as archive:
        x, y = archive["x"], archive["y"].astype(np.int64) if num_classes else None
    assert len(x) == sum(sizes)
    return DataSet(name, *Split(x, y).cut(sizes), num_levels=num_levels, num_classes=num_classes, source=source)
