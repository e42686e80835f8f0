"""Conversion of the arrays of a user's file to checked examples, for every file format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ndm.base.errors import InputError
from ndm.data.dataset import Split, Whole, check_values
from ndm.data.lazy import Examples, Joined, chunks, moments

_RESOLUTION = 0.01  # of a standard deviation: coarser rounding would be seen in a density


def examples(x: np.ndarray, where: str) -> Examples:
    """Convert `x` to uint8 images (N, C, H, W) or float32 (N, *event), checked.

    uint8 (N, H, W) gains a channel axis; other floats become float32. `where` names the file in messages. Raises
    `InputError` for anything else, and where float32 would overflow.
    """
    found = images(x, where) if x.dtype == np.uint8 else real_values(x, where)
    check_values(found, 256 if found.dtype == np.uint8 else None, where)
    return found


def whole(
    x: np.ndarray,
    y: np.ndarray | None,
    path: Path,
    source: str,
    *,
    cond: np.ndarray | None = None,
    columns: tuple[str, ...] = (),
    objection: InputError | None = None,
    **about: Any,
) -> Whole:
    """The arrays of the file at `path`, x checked as `examples` says; `about` are further fields of `Whole`.

    `cond` is what a model is told of each example, `Split.cond`.
    """
    found = examples(x, str(path))
    if objection is None and x.dtype.itemsize > found.dtype.itemsize:
        objection = unresolved(x, str(path), columns)
    num_levels = 256 if found.dtype == np.uint8 else None
    return Whole(path.name, Split(found, y, cond), num_levels, source, columns=columns, objection=objection, **about)


def images(x: np.ndarray, where: str) -> np.ndarray:
    """Add the axis of channels to uint8 (N, H, W) where it is absent: (N, C, H, W)."""
    if x.ndim not in (3, 4):
        raise InputError(
            f"{where}: uint8 of shape {x.shape}",
            "images (N, H, W) or (N, C, H, W)",
            "say dequantise=true if these are counts, signals or volumes and no images",
        )
    if x.ndim == 4 and x.shape[3] in (1, 3, 4) and x.shape[1] > 4:
        raise InputError(
            f"{where}: images of shape {x.shape}, channels last",
            "(N, C, H, W)",
            "use x.transpose(0, 3, 1, 2)",
        )
    return x[:, None] if x.ndim == 3 else x


def real_values(x: np.ndarray, where: str) -> Examples:
    """Convert floats of any width to float32."""
    if x.dtype.kind != "f":
        raise InputError(
            f"{where}: values of type {x.dtype}",
            "uint8 images or floating-point values",
            "save images as uint8, levels 0..255; of other integers say dequantise=true, as without noise of one step "
            "they have no density"
            if x.dtype.kind in "iub"
            else "save numbers, as x.astype(np.float32)",
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


def unresolved(x: np.ndarray, where: str, columns: Sequence[str] = ()) -> InputError | None:
    """The remark where float32 would lose what distinguishes the examples of `x`.

    `columns` names the dimensions of a table.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        errors = [np.abs(part.astype(np.float32).astype(part.dtype) - part).max(0) for _, part in chunks(x)]
        spread = moments(x)[1]
        lost = (np.max(errors, 0) > _RESOLUTION * spread) & (spread > 0)
    if not lost.any():
        return None
    place = tuple(np.argwhere(lost)[0].tolist())
    which = f"column {columns[place[0]]!r}" if columns else f"x[:, {str(list(place))[1:-1]}]"
    return InputError(
        f"{where}, {which}: values around {x[0][place]:g} that differ by {spread[place]:g} only",
        "differences that float32 can tell",
        "subtract the mean and divide by the standard deviation first, in float64",
    )
