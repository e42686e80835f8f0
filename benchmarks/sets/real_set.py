"""A set of real data: its file is made once, divided by sources, and checked."""

import hashlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from PIL import features

from benchmarks.sets.archives import Archive, fetched, members
from ndm.base.errors import InputError
from ndm.base.files import make_folder, new_folder, write_atomically
from ndm.data import DataSet, load
from ndm.data.dataset import parted
from ndm.data.sets._supplied import VARIABLE

CACHE = Path("~/.cache/ndm-benchmarks")
FEW = 80  # sources: below this, validation and test get some of them rather than a tenth of the examples
MADE_WITH = "Pillow 13.0.0, libjpeg-turbo 3.2.0, FreeType 2.14.3"


class Made(NamedTuple):
    """What a set is made of, before it is divided.

    x        (N, *event): uint8 images (N, H, W) or (N, H, W, C), floats (N, C, H, W), numbers (N, D), samples (N, L),
             voxels (N, D, H, W)
    source   (N,) the name of the source of each example
    notes    what was left out, with counts
    """

    x: np.ndarray
    source: Sequence[str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RealSet:
    """A set of real data.

    kind      image, float image, table, signal or volume
    whose     whose data they are
    licence   of the data
    done      what is done to them, and what a source is
    archives  the files of packages that hold them
    make      makes the examples from these files; None: the library has the set under this name
    options   how `ndm` reads them, --data-options
    digest    of the arrays: `digest_of`
    """

    name: str
    kind: str
    whose: str
    licence: str
    done: str
    archives: tuple[Archive, ...] = ()
    make: Callable[[Sequence[Path]], Made] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class Result:
    """A set on the disk.

    data      what `ndm train` takes: a name or a file, with `options`, --data-options
    notes     what was left out; nothing where the file was there
    """

    data: str
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def load(self) -> DataSet:
        """Load the three splits."""
        return load(self.data, self.options)


def build(chosen: RealSet, cache: Path) -> Result:
    """Make the file of this set in the folder `cache`, unless it is there and whole."""
    path = cache / f"{chosen.name}.npz"
    if chosen.make is None:
        _supply(chosen, cache)
        return Result(chosen.name)
    if _digest_in(path) == chosen.digest:
        return Result(str(path), chosen.options)
    files = [fetched(archive, cache / "archives") for archive in chosen.archives]
    x, source, notes = divided(chosen.make(files), chosen.name)
    if (found := digest_of(x, source)) != chosen.digest:
        raise InputError(
            f"arrays of {chosen.name} with the checksum {found}, by Pillow {PIL.__version__}, libjpeg-turbo "
            f"{features.version('libjpeg_turbo')}, FreeType {features.version('freetype2')}",
            f"{chosen.digest}, as made with {MADE_WITH}",
            "install these versions",
        )
    make_folder(cache)
    content = io.BytesIO()
    np.savez(content, x=x, source=source)
    write_atomically(path, content.getvalue())
    return Result(str(path), chosen.options, notes)


def _supply(chosen: RealSet, cache: Path) -> None:
    """Put the official files of a set of the library where it looks for them: `cache` becomes $NDM_DATA if none is."""
    for archive in chosen.archives:
        folder = cache / chosen.name
        if not folder.is_dir():
            with new_folder(folder) as made_here:
                for name, content in members(fetched(archive, cache / "archives"), "*-ubyte.gz").items():
                    (made_here / name.rpartition("/")[2]).write_bytes(content)
        os.environ.setdefault(VARIABLE, str(cache))


def divided(given: Made, name: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Lay out x (N, C, H, W) of images, else as it is, and the numbers of its sources, by the splits of `ndm`.

    Sources are divided at random, always alike (`_by_source`). As the library divides N examples into exactly N - 2 n,
    n and n, n = N // 10, examples beyond that are dropped, at random.
    """
    x, source, copies = _without_copies(np.ascontiguousarray(given.x), np.asarray(given.source))
    x = x.transpose(0, 3, 1, 2) if x.dtype == np.uint8 and x.ndim == 4 and x.shape[3] == 3 else x
    numbers = np.unique(source, return_inverse=True)[1].astype(np.int64)
    train, validation, test = _by_source(numbers, name)
    tenth = min(len(validation), len(test), len(train) // 8)
    sizes = (min(len(train), 8 * tenth + 9), tenth, tenth)
    rows = np.empty(sum(sizes), np.int64)
    # A file has no splits: the library's own permutation of N examples says where each of them has to lie.
    places = parted(np.arange(len(rows)), sizes, name)
    random = np.random.RandomState(0)
    for place, part, size in zip(places, (train, validation, test), sizes, strict=True):
        rows[place] = random.permutation(part)[:size]
    dropped = len(x) - len(rows)
    notes = (
        *given.notes,
        *(f"{number} {what}" for number, what in ((copies, "exact copies"), (dropped, "to fit 80/10/10")) if number),
    )
    return np.ascontiguousarray(x[rows]), numbers[rows], notes


def _by_source(numbers: np.ndarray, name: str) -> list[np.ndarray]:
    """Divide examples by the numbers of their sources: 80/10/10 of the examples.

    Three photos are no test of photos: of less than `FEW` sources validation and test get a quarter each, at most
    eight, and fewer examples of each.
    """
    number = int(numbers.max()) + 1
    if number >= FEW:
        tenth = len(numbers) // 10
        return parted(numbers, (len(numbers) - 2 * tenth, tenth, tenth), name)
    share = min(8, number // 4)
    if not share:
        raise InputError(f"{name} of {number} sources", "4 or more, to divide them")
    order = np.random.RandomState(0).permutation(number)
    return [np.flatnonzero(np.isin(numbers, part)) for part in np.split(order, [number - 2 * share, number - share])]


def _without_copies(x: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Keep the first of examples that are the same; also returns how many others there were."""
    first = {example.tobytes(): i for i, example in reversed(list(enumerate(x)))}
    kept = np.array(sorted(first.values()))
    return x[kept], source[kept], len(x) - len(kept)


def digest_of(x: np.ndarray, source: np.ndarray) -> str:
    """16 hexadecimal digits of the sha256 of both arrays, their types and shapes."""
    digest = hashlib.sha256()
    for each in (x, source):
        digest.update(f"{each.dtype.str} {each.shape} ".encode())
        digest.update(np.ascontiguousarray(each).tobytes())
    return digest.hexdigest()[:16]


def _digest_in(path: Path) -> str:
    """The digest of the arrays in a file; nothing where it is absent or damaged, so that it is made again."""
    try:
        with np.load(path, allow_pickle=False) as found:
            return digest_of(found["x"], found["source"])
    except Exception:  # numpy, zipfile and zlib have a dozen types of error for a damaged file
        return ""
