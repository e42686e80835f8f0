"""ImageNet at 32 and 64 pixels: two releases, made by different resizing, whose bits/dim do not compare.

    old   van den Oord, Kalchbrenner, Kavukcuoglu, 2016: PNG in tar archives, 1,281,149 and 49,999 images
    new   Chrabaszcz, Loshchilov, Hutter, 2017: batches of arrays, 1,281,167 and 50,000 images with labels 1..1000

The official validation images are the test split, as papers report them, and the last `validation` of the training
images are the validation split.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ndm.base.errors import InputError
from ndm.data import lazy
from ndm.data.dataset import DataSet, Split
from ndm.data.formats.images import Images, Policy
from ndm.data.formats.npz import array_of
from ndm.data.formats.stores import Tar, damaged
from ndm.data.lazy import Joined, at_hand, option, rows_of
from ndm.data.sets._supplied import VARIABLE, find_any, folders

CLASSES = 1000
ADVICE = f"put the official files of the release into ${VARIABLE}/"
OLD = "van den Oord et al., 2016, https://arxiv.org/abs/1601.06759, PNG archives (old release)"
NEW = "Chrabaszcz et al., 2017, https://arxiv.org/abs/1707.08819, npz batches (new release)"


@dataclass(frozen=True)
class Counts:
    """The numbers of images in the official training and validation files, and of those in the validation split."""

    train: int
    test: int
    validation: int = 10_000


COUNTS = {"old": Counts(1_281_149, 49_999), "new": Counts(1_281_167, 50_000)}


def read(size: int, release: Any, places: Sequence[Path] | None = None, counts: Counts | None = None) -> DataSet:
    """Read the images of `size` pixels; raises `InputError` without a release, or for files that are not of it."""
    name = f"imagenet{size}"
    if release is None:
        raise InputError(
            f"{name} without its release",
            "release=old or release=new",
            "say --data-options release=new: they are different data",
        )
    option("release", release, tuple(COUNTS))
    counts = counts or COUNTS[release]
    places = folders(*folder_names(size)) if places is None else places
    reader, source = (_old, OLD) if release == "old" else (_new, NEW)
    train, test = reader(size, places, "train"), reader(size, places, "valid")
    for split, expected, what in ((train, counts.train, "training"), (test, counts.test, "validation")):
        if len(split) != expected:
            raise InputError(
                f"{len(split)} {what} images of {name} ({release} release)", f"{expected}", "get the files again"
            )
    end = len(train) - counts.validation
    first, last = slice(0, end), slice(end, len(train))
    y = train.y
    own, held_out = (Split(rows_of(train.x, rows), None if y is None else y[rows]) for rows in (first, last))
    names = () if y is None else tuple(map(str, range(1, CLASSES + 1)))  # as the files number them
    return DataSet(name, own, held_out, test, num_levels=256, num_classes=len(names), classes=names, source=source)


def _old(size: int, places: Sequence[Path], part: str) -> Split:
    """Read the PNG images of an archive, lazily where they do not fit in memory."""
    store = Tar(find_any((_old_name(size, part),), places, f"{ADVICE}imagenet{size}"))
    return Split(at_hand(Images(store, Policy(size, size, "rgb"), resize=False)))


def _new(size: int, places: Sequence[Path], part: str) -> Split:
    """Read the batches: unpacked, memory-mapped where they do not fit in memory together, or of a zip archive.

    Those of an archive are held in memory, 4 GB at 32 pixels and 16 GB at 64.
    """
    path = find_any(_new_names(size, part), places, f"{ADVICE}imagenet{size}")
    if path.suffix == ".zip":
        paths = sorted(path.parent.glob(path.name.replace("part1", "part*")))
        batches = [found for each in paths for found in _of_zip(each)]
    else:
        folder = path.parent if path.suffix == ".npz" else path
        files = folder.glob("train_data_batch_*.npz" if part == "train" else "val_data*.npz")
        ordered = sorted(files, key=lambda file: (len(file.name), file.name))
        batches = [_of_file(file, lazy.IN_MEMORY // len(ordered)) for file in ordered]
    xs, ys = [], []
    for where, x, y in batches:
        shape = x.shape if x.ndim == 2 else (0, 0)
        if x.dtype != np.uint8 or shape[1] != 3 * size * size or y.shape != (len(x),):
            raise InputError(
                f"{where}: data {x.dtype} {x.shape}, labels {y.shape}", f"uint8 (N, {3 * size * size}) and (N,)"
            )
        if y.dtype.kind not in "iu" or not (y.min() >= 1 and y.max() <= CLASSES):
            raise InputError(f"{where}: labels {y.min()}..{y.max()}", f"1..{CLASSES}")
        xs.append(x.reshape(-1, 3, size, size))
        ys.append(y.astype(np.int64) - 1)
    if not xs:
        raise InputError(f"{path} without batches", "npz files, one for each batch")
    return Split(xs[0] if len(xs) == 1 else Joined(xs), np.concatenate(ys))


def folder_names(size: int) -> tuple[str, ...]:
    """The folders that the files may be in."""
    return f"imagenet{size}", f"imagenet-{size}"


def _old_name(size: int, part: str) -> str:
    return f"{part}_{size}x{size}.tar"


def _new_names(size: int, part: str) -> tuple[str, ...]:
    """The names of the files of the new release: archives, the folders that they unpack to, or the first batch."""
    stem = f"Imagenet{size}_{'train' if part == 'train' else 'val'}"
    parts = [f"{stem}_part1_npz.zip", f"{stem}_part1.zip"] if part == "train" else []
    batch = "train_data_batch_1.npz" if part == "train" else "val_data.npz"
    return (f"{stem}_npz.zip", f"{stem}.zip", *parts, stem, f"{stem}_npz", batch)


def _of_zip(path: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npz")]
            return [
                _of_member(archive.read(name), f"{path}: {name}")
                for name in sorted(names, key=lambda name: (len(name), name))
            ]
    except InputError:
        raise
    except Exception as error:  # zipfile and zlib raise many types: all mean that it is damaged
        raise damaged(path, error) from error


def _of_member(content: bytes, where: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Read `data` (N, D) and `labels` (N,) of one batch in an archive."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return where, arrays["data"], np.asarray(arrays["labels"])
    except Exception as error:
        raise damaged(Path(where), error) from error


def _of_file(path: Path, largest: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Read `data` and `labels` of one batch in a file; data of more than `largest` bytes are memory-mapped."""
    try:
        labels = array_of(path, "labels", lazy.IN_MEMORY)
        return str(path), array_of(path, "data", largest), np.asarray(labels)
    except Exception as error:
        raise damaged(path, error) from error
