"""How pictures, volumes and samples are cut into examples, and which examples look alike."""

import struct
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.sets.real_set import Made
from ndm.base.errors import InputError


def families(x: np.ndarray, source: Sequence[str], within: float = 12.0) -> list[str]:
    """Join sources that have images in common: some that differ by less than `within` levels, root mean square."""
    flat = x.reshape(len(x), -1).astype(np.float32)
    squares = np.einsum("nd,nd->n", flat, flat)
    parent = {name: name for name in source}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for start in range(0, len(x), 512):
        rows = slice(start, start + 512)
        distance = squares[rows, None] + squares - 2 * flat[rows] @ flat.T
        for i, j in np.argwhere(distance < within**2 * flat.shape[1]):
            if start + i < j:
                one, other = sorted((root(source[start + i]), root(source[j])))
                parent[other] = one
    return [root(name) for name in source]


def tiles(picture: np.ndarray, size: int) -> np.ndarray:
    """Cut a picture (H, W, ...) into squares (N, size, size, ...) that do not overlap; what is left over is dropped."""
    height, width = picture.shape[0] // size, picture.shape[1] // size
    cut = picture[: height * size, : width * size].reshape(height, size, width, size, *picture.shape[2:])
    return cut.swapaxes(1, 2).reshape(height * width, size, size, *picture.shape[2:])


def windows(samples: np.ndarray, size: int) -> np.ndarray:
    """Cut samples (L,) into windows (N, size) that do not overlap; what is left over is dropped."""
    return samples[: len(samples) // size * size].reshape(-1, size)


def stem(name: str) -> str:
    """The name of a file in an archive, without folders and suffix."""
    return name.rpartition("/")[2].rpartition(".")[0]


def thick(volume: np.ndarray, thick: int, gap: int) -> np.ndarray:
    """Slabs (N, thick, H, W) of a volume (D, H, W), with `gap` slices between them."""
    return np.stack([volume[start : start + thick] for start in range(0, len(volume) - thick + 1, thick + gap)])


def of_slabs(slabs: np.ndarray, together: int, gap: int, size: int, filled: Callable[[np.ndarray], np.ndarray]) -> Made:
    """Squares of `size` of slabs (N, D, H, W), those that are `filled`, as (M, D, size, size), or without D if it is 1.

    So many slabs `together` are a source, and `gap` slabs between sources are left out.
    """
    x, source, empty = [], [], 0
    for i, slab in enumerate(slabs):
        number, place = divmod(i, together + gap)
        if place < together:
            found = tiles(slab.transpose(1, 2, 0), size).transpose(0, 3, 1, 2)
            kept = filled(found.reshape(len(found), -1))
            empty += int((~kept).sum())
            x.append(found[kept])
            source += [f"slab {number:02}"] * int(kept.sum())
    images = np.concatenate(x)
    return Made(images[:, 0] if images.shape[1] == 1 else images, source, (f"{empty} that are mostly empty",))


def of_regions(picture: np.ndarray, size: int, wanted: Callable[[np.ndarray], np.ndarray], others: str) -> Made:
    """Squares of `size` of a picture (H, W, ...), those that are `wanted`; `others` is what the rest are.

    A source is a region of 6x6 squares, and one is left out between regions.
    """
    images, columns = tiles(picture, size), picture.shape[1] // size
    row, column = np.divmod(np.arange(len(images)), columns)
    inside, shown = (row % 7 != 6) & (column % 7 != 6), wanted(images)
    kept = inside & shown
    notes = (f"{int((~inside).sum())} tiles between regions", f"{int((inside & ~shown).sum())} {others}")
    regions = [f"{r // 7:02} {c // 7:02}" for r, c in zip(row[kept], column[kept], strict=True)]
    return Made(images[kept], regions, notes)


def nifti(content: bytes) -> np.ndarray:
    """The voxels (Z, Y, X) of a volume of bytes in NIfTI-1, uncompressed."""
    dimensions = struct.unpack("<8h", content[40:56])
    (kind,), (start,) = struct.unpack("<h", content[70:72]), struct.unpack("<f", content[108:112])
    if kind != 2 or any(side > 1 for side in dimensions[4:]):
        raise InputError(f"a NIfTI file of type {kind} and dimensions {dimensions[1:]}", "one volume of bytes, type 2")
    x, y, z = dimensions[1:4]
    return np.frombuffer(content, np.uint8, x * y * z, int(start)).reshape(z, y, x)
