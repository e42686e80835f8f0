"""From the arrays of a user's file to a checked data set; shared by every file format."""

from collections.abc import Sequence

import numpy as np

from ndm.data.dataset import DataSet, Split, check_values, cut
from ndm.data.lazy import Examples, Joined, chunks, moments, rows_of
from ndm.errors import InputError

FEWEST = 10  # below this an 80/10/10 split has an empty part
_RESOLUTION = 0.01  # of a standard deviation: coarser rounding would be seen in a density


def examples(x: np.ndarray, where: str, columns: Sequence[str] = ()) -> Examples:
    """`x` as uint8 images (N, C, H, W) or float32 (N, *event), checked.

    uint8 (N, H, W) gains a channel axis; other floats become float32. `where` names the file in messages, and `columns`
    the dimensions of a table. Raises `InputError` for anything else, and where float32 would overflow.
    """
    found = images(x, where) if x.dtype == np.uint8 else real_values(x, where)
    check_values(found, 256 if found.dtype == np.uint8 else None, where)
    if x.dtype.itemsize > found.dtype.itemsize:
        check_resolution(x, where, columns)
    return found


def divide(split: Split, name: str, source: str, notes: tuple[str, ...] = (), columns: tuple[str, ...] = ()) -> DataSet:
    """80 % train, 10 % validation, 10 % test, by a permutation that depends only on how many there are."""
    if len(split) < FEWEST:
        raise InputError(f"{name}: {len(split)} examples", f"{FEWEST} or more", "to split 80/10/10")
    tenth = len(split) // 10
    # RandomState is frozen (NEP 19): this permutation is the same under every version of numpy.
    order = np.random.RandomState(0).permutation(len(split))
    x, y = rows_of(split.x, order), None if split.y is None else split.y[order]
    return DataSet(
        name,
        *cut(x, y, (len(split) - 2 * tenth, tenth, tenth)),
        num_levels=256 if x.dtype == np.uint8 else None,
        num_classes=0 if y is None else int(y.max()) + 1,
        source=source,
        notes=notes,
        columns=columns,
    )


def images(x: np.ndarray, where: str) -> np.ndarray:
    """uint8 (N, H, W) or (N, C, H, W) as (N, C, H, W)."""
    if x.ndim not in (3, 4):
        raise InputError(
            f"{where}: uint8 of shape {x.shape}",
            "images (N, H, W) or (N, C, H, W)",
            "say dequantise=true if these are counts and no images",
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
            "save images as uint8, levels 0..255; of other integers say dequantise=true, as without noise of one step "
            "they have no density" if x.dtype.kind in "iub" else "save numbers, as x.astype(np.float32)",
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


def check_resolution(x: np.ndarray, where: str, columns: Sequence[str] = ()) -> None:
    """Raise `InputError` where float32 would lose what distinguishes the examples of `x`."""
    with np.errstate(invalid="ignore", over="ignore"):
        errors = [np.abs(part.astype(np.float32).astype(part.dtype) - part).max(0) for _, part in chunks(x)]
        spread = moments(x)[1]
        lost = (np.max(errors, 0) > _RESOLUTION * spread) & (spread > 0)
    if lost.any():
        place = tuple(np.argwhere(lost)[0].tolist())
        which = f"column {columns[place[0]]!r}" if columns else f"x[:, {str(list(place))[1:-1]}]"
        raise InputError(
            f"{where}, {which}: values around {x[0][place]:g} that differ by {spread[place]:g} only",
            "differences that float32 can tell",
            "subtract the mean and divide by the standard deviation first, in float64",
        )
