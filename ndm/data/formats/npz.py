"""Arrays of an `.npz` archive, memory-mapped where they were stored as they are (`np.savez` does)."""

import struct
import zipfile
from pathlib import Path

import numpy as np

from ndm.base.memory import require_memory

_LOCAL_HEADER = 30  # bytes, and two lengths at its end: of the name and of what else follows before the content
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def array_of(path: Path, key: str, largest: int) -> np.ndarray:
    """Open the array `key`: it is read if it takes at most `largest` bytes or is compressed, else memory-mapped.

    A mapped array is not checked against its checksum. Raises the errors of NumPy and zipfile for a damaged file, and
    `KeyError` for one without the key.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{key}.npy")
        if member.file_size > largest and member.compress_type == zipfile.ZIP_STORED:
            with archive.open(member) as file:
                shape, fortran_order, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
                header = file.tell()
            if not dtype.hasobject:
                start = _start(path, member.header_offset) + header
                return np.memmap(path, dtype, "r", start, shape, "F" if fortran_order else "C")
    if member.compress_type == zipfile.ZIP_STORED:
        what, advice = f"{path}, whose {key} is read at once", "save fewer examples"
    else:
        what = f"{path}, whose {key} is compressed"
        advice = "save it with np.savez, which leaves it on the disk until it is needed"
    require_memory(member.file_size, what, advice)
    with np.load(path, allow_pickle=False) as content:
        array: np.ndarray = content[key]
        return array


def _start(path: Path, header_offset: int) -> int:
    """The offset at which the content of a member begins."""
    with path.open("rb") as file:
        file.seek(header_offset)
        name, extra = struct.unpack("<2H", file.read(_LOCAL_HEADER)[-4:])
    return int(header_offset + _LOCAL_HEADER + name + extra)
