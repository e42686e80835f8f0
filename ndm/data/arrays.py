"""Arrays saved by numpy: `.npy`, or `.npz` with the key `x` and, for labels, `y`. Nothing is unpickled.

What is larger than `IN_MEMORY` is memory-mapped, unless it is compressed (`np.savez_compressed`).
"""

from pathlib import Path

import numpy as np

from ndm.data.dataset import DataSet, Split
from ndm.data.examples import divide, examples
from ndm.data.lazy import IN_MEMORY
from ndm.data.npz import array_of
from ndm.errors import InputError, refused

SUFFIXES = (".npy", ".npz")


def load_file(path: str | Path) -> DataSet:
    """The file as a data set, split 80/10/10 (see `divide`). Raises `InputError`, naming the file."""
    return divide(read(path), Path(path).name, source=f"the file {Path(path).name}")


def read(path: str | Path) -> Split:
    """Every example of the file, undivided: uint8 as images (N, C, H, W), floats as float32 (N, *event)."""
    return examples(*read_arrays(Path(path)), where=str(path))


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """`x` and `y` (or None) as they are stored; what the file holds decides its format, not its suffix."""
    if not path.is_file():
        raise InputError(str(path), "an existing file", "check the path")
    try:
        with path.open("rb") as file:  # numpy, given a path, leaves the file open where it fails
            content = np.load(file, allow_pickle=False) if path.stat().st_size <= IN_MEMORY else _mapped(path)
            if isinstance(content, np.ndarray):
                return content, None
            if "x" in content.files:
                return array_of(path, "x", IN_MEMORY), content["y"] if "y" in content.files else None
            keys = ", ".join(content.files) or "none"
    # A damaged file makes numpy, zipfile, zlib and ast raise a dozen types of error: here all mean the same.
    except Exception as error:
        raise unreadable(path, error) from error
    raise InputError(
        f"{path} with the keys {keys}",
        "the key x and, for labels, y",
        "save with np.savez(file, x=..., y=...)",
    )


def _mapped(path: Path) -> np.ndarray | np.lib.npyio.NpzFile:
    """The file as memory that is read from it when it is used; an archive as `np.load` opens it."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def unreadable(path: Path, error: Exception) -> InputError:
    """The `InputError` that says why numpy could not read the file."""
    if "pickle" in str(error):
        return InputError(
            f"{path}, not a numpy file or one of Python objects (pickles are not read)",
            "arrays of numbers saved by np.save or np.savez",
            "convert objects with x.astype(np.float32)",
        )
    return refused(path, "read", error, "a whole .npy or .npz file", "make or copy it again")
