"""Reader of arrays saved by NumPy: `.npy`, or `.npz` with the key `x`, for labels `y`, and for signals `rate`.

`rate` is the number of samples a second. Nothing is unpickled. What is larger than `IN_MEMORY` is memory-mapped, unless
it is compressed (`np.savez_compressed`) or dequantised.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from ndm.base.errors import InputError, reason, refused
from ndm.base.memory import require_memory
from ndm.data.dataset import Whole
from ndm.data.formats.dequantise import dequantised
from ndm.data.formats.examples import whole
from ndm.data.formats.npz import array_of
from ndm.data.labels import Labels, classes
from ndm.data.lazy import IN_MEMORY, chunks

SUFFIXES = (".npy", ".npz")
_COLOURS = 4  # channels of an image, at most, with transparency
_NOISY = 20  # bytes of memory for each value that gets noise: as float64 without and with it, and as float32


def load_file(path: str | Path, *, unlabelled: Any = None, dequantise: Any = None) -> Whole:
    """Load the examples of the file: uint8 as images (N, C, H, W), floats as float32 (N, *event).

    unlabelled   keep: examples without a label are kept, without a class
    dequantise   true: x of any type of numbers are real values, and dimensions of integers or of values at equal steps
                 get noise of one step; or the numbers of such dimensions, of x (N, D), or their steps by number

    Raises `InputError`, naming the file.
    """
    path = Path(path)
    x, y, rate = read_arrays(path)
    noise: dict[str, float] = {}
    reading: dict[str, Any] = {}
    alike = None
    if dequantise is not None and dequantise is not False:
        came, alike = x.dtype, _alike(x, str(path))
        x, noise = _dequantised(x, dequantise, str(path))
        reading |= {"dequantise": noise} if noise else {}
        if came.kind in "iu" and len(noise) == math.prod(x.shape[1:]):
            reading["dtype"] = came.name
    if rate is not None:
        reading["rate"] = _rate(path, rate)
    labels, objection = Labels(None), None
    try:
        labels = _classes(path, y, x.shape[:1], unlabelled)
    except InputError as error:  # which those who do not look at labels need not know
        objection = error
    return whole(
        x,
        labels.numbers,
        path,
        f"the file {path.name}" + f", noise on {len(noise)} of its dimensions" * bool(noise),
        classes=labels.names,
        notes=(*labels.notes, *_guessed(x)),
        reading=reading,
        objection=objection or alike,
        unlabelled=objection,
    )


def _classes(path: Path, y: np.ndarray | None, shape: tuple[int, ...], unlabelled: Any) -> Labels:
    """The classes of labels `y` of that shape, one for each example."""
    if y is not None and (y.shape != shape or y.dtype.kind not in "biufU"):
        raise InputError(
            f"{path}: labels y of type {y.dtype} and shape {y.shape}", f"one number or word for each example, {shape}"
        )
    return classes(y, lambda i: f"{path}, y[{i}]", unlabelled=unlabelled)


def _guessed(x: np.ndarray) -> tuple[str, ...]:
    """Say that bytes over three axes are read as images, where their channels are no colours."""
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1] <= _COLOURS:
        return ()
    return (f"x of shape {x.shape} are read as images of {x.shape[1]} channels; for volumes say dequantise=true",)


def _alike(x: np.ndarray, where: str) -> InputError | None:
    """The objection to training on examples that are all the same, which noise would hide."""
    if x.ndim < 2 or not x.size or not all((part == x[:1]).all() for _, part in chunks(x)):
        return None
    what = "of one value" if (x[0] == x[0].flat[0]).all() else "the same"
    return InputError(
        f"{where}, whose examples are all {what}",
        "examples that differ by more than the noise of dequantise=",
        "look at one of them: was it saved as it should be?",
    )


def _dequantised(x: np.ndarray, wanted: Any, where: str) -> tuple[np.ndarray, dict[str, float]]:
    """Add noise to `x` (N, *event) as floats; also returns its width for each dimension that has some, by number."""
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not x.size:
        return x, {}  # which is refused for what it is
    if isinstance(wanted, list) and x.ndim > 2:
        raise InputError(f"dequantise={wanted} of {where}, of shape {x.shape}", "dequantise=true, or x of shape (N, D)")
    require_memory(_NOISY * x.size, f"{where} with noise", "save fewer examples, or add the noise and save float32")
    flat = x.reshape(len(x), -1)
    flat = flat.astype(np.float32 if flat.dtype.itemsize == 1 else np.result_type(flat.dtype, np.float64))
    columns, noise = dequantised(
        {str(i): flat[:, i] for i in range(flat.shape[1])},
        wanted,
        where,
        lambda name, i: f"{where}, x[{i}], dimension {name}",
    )
    for name in noise:
        flat[:, int(name)] = columns[name]
    return flat.reshape(x.shape), noise


def _rate(path: Path, rate: np.ndarray) -> int:
    """Check the number of samples a second of signals."""
    if rate.shape != () or rate.dtype.kind not in "iuf" or not 1 <= rate < 2**31 or rate != np.floor(rate):
        raise InputError(f"{path}: rate of type {rate.dtype}: {rate}", "samples a second, one whole number from 1 on")
    return int(rate)


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Read `x`, `y` or None, `rate` or None, as they are stored; the content of the file decides its format."""
    if not path.is_file():
        raise InputError(str(path), "an existing file", "check the path")
    try:
        with path.open("rb") as file:  # numpy, given a path, leaves the file open where it fails
            content = np.load(file, allow_pickle=False) if path.stat().st_size <= IN_MEMORY else _mapped(path)
            if isinstance(content, np.ndarray):
                return content, None, None
            if "x" in content.files:
                y, rate = (content[key] if key in content.files else None for key in ("y", "rate"))
                return array_of(path, "x", IN_MEMORY), y, rate
            keys = ", ".join(content.files) or "none"
    # A damaged file makes numpy, zipfile, zlib and ast raise a dozen types of error: here all mean the same.
    except InputError:
        raise
    except MemoryError as error:  # of an array that says it is larger than its file
        raise InputError(
            f"{path}, which memory does not hold ({reason(error)})", "arrays that fit", "was it cut? make it again"
        ) from error
    except Exception as error:
        raise unreadable(path, error) from error
    raise InputError(
        f"{path} with the keys {keys}",
        "the key x and, for labels, y",
        "save with np.savez(file, x=..., y=...)",
    )


def _mapped(path: Path) -> np.ndarray | np.lib.npyio.NpzFile:
    """Memory-map the file; open an archive like `np.load`."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def unreadable(path: Path, error: Exception) -> InputError:
    """Make the `InputError` that says why NumPy could not read the file."""
    if "pickle" in str(error):
        return InputError(
            f"{path}, not a numpy file or one of Python objects (pickles are not read)",
            "arrays of numbers saved by np.save or np.savez",
            "convert objects with x.astype(np.float32)",
        )
    return refused(path, "read", error, "a whole .npy or .npz file", "make or copy it again")
