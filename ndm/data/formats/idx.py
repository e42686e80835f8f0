"""Read idx files, the format of MNIST and of the data sets that imitate it."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np

from ndm.base.errors import InputError, refused

GZIP = b"\x1f\x8b"
UNSIGNED_BYTES = 8  # the only one of the format's types that is read


def read(path: Path, num_axes: int, md5: str) -> np.ndarray:
    """Read the array of `num_axes` axes in the file, plain or gzipped, uint8.

    `md5` is the hexadecimal checksum of the unpacked content: packed bytes differ between those who pack.
    Raises `InputError`, naming the file, where it cannot be read or unpacked or holds anything else.
    """
    content = unpacked(path)
    array = parse(content, num_axes, where=str(path))
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise InputError(f"{path} of md5 {found} (unpacked)", f"md5 {md5}", "get the file again")
    return array


def unpacked(path: Path) -> bytes:
    """Read the content of the file; its first bytes, not its suffix, decide whether it is gzipped."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        raise refused(path, "read", error, "a whole idx file, plain or gzipped", "get the file again") from error


def parse(content: bytes, num_axes: int, where: str) -> np.ndarray:
    """Parse the array (n_1, ..., n_num_axes), uint8, of this content; `where` names it in messages.

        content = magic number, n_1, ..., n_num_axes, values        magic number = 0, 0, 8 (type), num_axes

    with one byte for each part of the magic number and each value, and 4 bytes, big-endian, for each size. The
    last axis varies fastest. Source: http://yann.lecun.com/exdb/mnist (1998). Raises `InputError` for another
    magic number, a size of 0, and fewer or more values than the sizes say.
    """
    magic, start = bytes((0, 0, UNSIGNED_BYTES, num_axes)), 4 + 4 * num_axes
    if content[:4] != magic:
        raise InputError(
            f"{where}, which begins with the bytes {content[:4].hex(' ') or '(none)'}",
            f"the magic number {magic.hex(' ')} of an idx file of bytes with {num_axes} axes",
        )
    if len(content) < start:
        raise InputError(f"{where} of {len(content)} bytes", f"a header of {start} bytes", "get the file again")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    if 0 in shape or len(content) - start != math.prod(shape):
        raise InputError(
            f"{where} of shape {shape} with {len(content) - start} values",
            "as many values as the shape has, and at least one",
            "get the file again",
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # bytes cannot be written to
