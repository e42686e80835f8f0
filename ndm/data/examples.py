"""From the arrays of a user's file to a checked data set; shared by every file format."""

from collections.abc import Sequence

import numpy as np

from ndm.data.dataset import DataSet, Split, check_labels, check_values, cut
from ndm.data.lazy import Examples, Joined, chunks, moments, rows_of
from ndm.errors import InputError

FEWEST = 10  # below this an 80/10/10 split has an empty part
_RESOLUTION = 0.01  # of a standard deviation: coarser rounding would be seen in a density
MOST_CLASSES = 100_000  # a larger label is an identifier or a target, not a class


def examples(x: np.ndarray, y: np.ndarray | None, where: str) -> Split:
    """`x` as uint8 images (N, C, H, W) or float32 (N, *event), `y` as int64 class numbers (N,), checked.

    uint8 (N, H, W) gains a channel axis; other floats become float32. `where` names the file in messages.
    Raises `InputError` for anything else, and where float32 would overflow.
    """
    found = images(x, where) if x.dtype == np.uint8 else real_values(x, where)
    check_values(found, 256 if found.dtype == np.uint8 else None, where)
    if x.dtype.itemsize > found.dtype.itemsize:
        check_resolution(x, where)
    if y is not None:
        check_labels(y, len(found), MOST_CLASSES, where)
        y = y.astype(np.int64)
    return Split(found, y)


def divide(split: Split, name: str, source: str, notes: tuple[str, ...] = (), files: np.ndarray | None = None
           ) -> DataSet:
    """80 % train, 10 % validation, 10 % test, by a permutation that depends only on how many there are.

    What comes from one of `files` (N,) stays together. Raises `InputError` for too few examples or files.
    """
    if len(split) < FEWEST:
        raise InputError(f"{name}: {len(split)} examples", f"{FEWEST} or more", "to split 80/10/10")
    tenth = len(split) // 10
    parts = parted(np.arange(len(split)) if files is None else files, (len(split) - 2 * tenth, tenth, tenth), name)
    order = np.concatenate(parts)
    x, y = rows_of(split.x, order), None if split.y is None else split.y[order]
    return DataSet(
        name,
        *cut(x, y, (len(parts[0]), len(parts[1]), len(parts[2]))),
        num_levels=256 if x.dtype == np.uint8 else None,
        num_classes=0 if y is None else int(y.max()) + 1,
        source=source,
        notes=notes,
    )


def parted(files: np.ndarray, sizes: Sequence[int], name: str) -> list[np.ndarray]:
    """Positions in random order, always the same, in parts of these sizes, or nearly: those of one file in one part.

    Frames of an animation are so alike that a model that was trained on some has seen the others. Raises `InputError`
    where there are fewer of `files` (N,) than parts.
    """
    own, inverse, counts = np.unique(files, return_inverse=True, return_counts=True)
    if len(own) < len(sizes):
        raise InputError(f"{name}: {len(files)} examples from {len(own)} files", f"{len(sizes)} files or more, as the "
                         "frames of one are not divided", "save the frames as files of their own")
    # RandomState is frozen (NEP 19): this permutation is the same under every version of numpy.
    random = np.random.RandomState(0)
    order = random.permutation(len(own))
    reached, ends = np.cumsum(counts[order]), [0]
    for k, wanted in enumerate(np.cumsum(sizes)[:-1]):  # the nearest end of a file, with one at least for each part
        free = np.arange(ends[-1] + 1, len(own) - len(sizes) + k + 2)
        ends.append(int(free[np.abs(reached[free - 1] - wanted).argmin()]))
    parts = np.split(np.argsort(np.argsort(order)[inverse], kind="stable"), reached[np.array(ends[1:]) - 1])
    return parts if len(own) == len(files) else [random.permutation(part) for part in parts]


def images(x: np.ndarray, where: str) -> np.ndarray:
    """uint8 (N, H, W) or (N, C, H, W) as (N, C, H, W)."""
    if x.ndim not in (3, 4):
        raise InputError(
            f"{where}: uint8 of shape {x.shape}",
            "images (N, H, W) or (N, C, H, W)",
            "convert to float32 if these are not images",
        )
    if x.ndim == 4 and x.shape[3] in (1, 3, 4) and x.shape[1] > 4:
        raise InputError(
            f"{where}: images of shape {x.shape}, channels last",
            "(N, C, H, W)",
            "use x.transpose(0, 3, 1, 2)",
        )
    return x[:, None] if x.ndim == 3 else x


def real_values(x: np.ndarray, where: str) -> Examples:
    """Floats of any width as float32."""
    if x.dtype.kind != "f":
        raise InputError(
            f"{where}: values of type {x.dtype}",
            "uint8 images or floating-point values",
            "convert with x.astype(np.uint8) for levels 0..255, else x.astype(np.float32)",
        )
    lost, first = 0, 0.0
    with np.errstate(over="ignore"):
        narrow = Joined([x], dtype=np.float32) if isinstance(x, np.memmap) else x.astype(np.float32)
        for _, part in chunks(x) if x.dtype.itemsize > 4 else ():
            too_large = np.isinf(part.astype(np.float32)) & np.isfinite(part)
            if too_large.any() and not lost:
                first = part[too_large][0]
            lost += int(too_large.sum())
    if lost:
        raise InputError(
            f"{where}: {lost} values too large for float32, as {first:g}",
            "absolute values below 3.4e38",
            "rescale the data",
        )
    return narrow


def check_resolution(x: np.ndarray, where: str) -> None:
    """Raise `InputError` where float32 would lose what distinguishes the examples of `x`."""
    with np.errstate(invalid="ignore", over="ignore"):
        errors = [np.abs(part.astype(np.float32).astype(part.dtype) - part).max(0) for _, part in chunks(x)]
        spread = moments(x)[1]
        lost = (np.max(errors, 0) > _RESOLUTION * spread) & (spread > 0)
    if lost.any():
        raise InputError(
            f"{where}: values around {x[0][lost].flat[0]:g} that differ by {spread[lost].flat[0]:g} only",
            "differences that float32 can tell",
            "subtract the mean and divide by the standard deviation first, in float64",
        )
