"""Objects, 60,000 RGB images of 32 x 32 pixels and 256 levels, 10 classes (your own cifar-10-python.tar.gz)."""

import hashlib
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ndm.base.errors import InputError
from ndm.data.dataset import DataSet, Split
from ndm.data.formats.pickles import unpickled
from ndm.data.formats.stores import damaged
from ndm.data.sets._supplied import VARIABLE, find_any, folders

NAME = "cifar10"
SOURCE = "Krizhevsky, CIFAR-10, 2009, https://www.cs.toronto.edu/~kriz/cifar.html"
FOLDERS = ("cifar10", "cifar-10")
FIRST = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "data_batch_1")
ARCHIVE, FOLDER, _ = FIRST
ADVICE = f"put {ARCHIVE} of https://www.cs.toronto.edu/~kriz/cifar.html, packed or not, into ${VARIABLE}/cifar10"

# md5 of the batches, whether they lie in the archive or in a folder.
CHECKSUMS = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}


def load() -> DataSet:
    """Load 45000 / 5000 / 10000 images (3, 32, 32), uint8; validation is the end of the training images."""
    return read(folders(*FOLDERS), CHECKSUMS)


def read(places: Sequence[Path], checksums: Mapping[str, str]) -> DataSet:
    """Read the batches in the first of `places` that has them, with these md5 `checksums`; a tenth is for validation.

    Raises `InputError` where they are absent, damaged, or pickles of anything but arrays, lists and text.
    """
    path = find_any(FIRST, places, ADVICE)
    path = path.parent if path.name == "data_batch_1" else path
    contents = _of_folder(path, checksums) if path.is_dir() else _of_archive(path, checksums)
    batches = {name: _batch(contents[name], md5, f"{path}: {name}") for name, md5 in checksums.items()}
    test_x, test_y = batches.pop("test_batch")
    x, y = (np.concatenate(each) for each in zip(*batches.values(), strict=True))
    end = len(x) - len(x) // 10
    return DataSet(
        NAME,
        Split(x[:end], y[:end]),
        Split(x[end:], y[end:]),
        Split(test_x, test_y),
        num_levels=256,
        num_classes=10,
        source=SOURCE,
    )


def _of_folder(path: Path, names: Mapping[str, str]) -> dict[str, bytes]:
    if absent := [name for name in names if not (path / name).is_file()]:
        raise InputError(f"{path} without {absent[0]}", "all batches", "get the archive again")
    try:
        return {name: (path / name).read_bytes() for name in names}
    except OSError as error:
        raise damaged(path, error) from error


def _of_archive(path: Path, names: Mapping[str, str]) -> dict[str, bytes]:
    """Read the contents of these members; nothing is unpacked to disk."""
    try:
        with tarfile.open(path) as archive:
            found = {Path(member.name).name: archive.extractfile(member) for member in archive if member.isfile()}
            contents = {name: file.read() for name in names if (file := found.get(name)) is not None}
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise damaged(path, error) from error
    if absent := [name for name in names if name not in contents]:
        raise InputError(f"{path} without {absent[0]}", "all batches", "get the archive again")
    return contents


def _batch(content: bytes, md5: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images (N, 3, 32, 32) and labels (N,) of one batch: data (N, 3072), channels first, and a list of labels."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise InputError(f"{where} of md5 {found}", f"md5 {md5}", "get the file again")
    batch = unpickled(content, where)
    x, y = (batch.get(key) for key in ("data", "labels")) if isinstance(batch, dict) else (None, None)
    if (
        not isinstance(x, np.ndarray)
        or x.dtype != np.uint8
        or x.shape[1:] != (3 * 32 * 32,)
        or not isinstance(y, list)
        or len(x) != len(y)
        or not all(isinstance(each, int) for each in y)
    ):
        raise InputError(f"{where} of other content", "data, uint8 (N, 3072), and labels, a list of N numbers")
    return x.reshape(-1, 3, 32, 32), np.array(y, np.int64)
