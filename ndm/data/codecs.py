"""What lossless codecs take, in bits per dimension: of images WebP and PNG, of signals FLAC, of all zlib and xz."""

import io
import lzma
import math
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from ndm.base.errors import InputError, reason
from ndm.base.registry import optional
from ndm.data.event import Event
from ndm.data.lazy import Examples

_COLOURS = (1, 3)  # channels of one picture; of any other number, each channel is a picture in grey
_LONGEST = 16383  # pixels of a side of a picture in WebP
_MOST = 4 * 2**20  # dimensions: more would take more than some seconds
_LEVELS = 2**16  # of 16 bits
_TOGETHER = 8  # channels of one stream of FLAC, at most
_RATE = 44_100  # samples a second: the size does not depend on it


class Bits(NamedTuple):
    """Bits per dimension of the same images in several codecs; headers count.

    webp        one tiled picture (`tiled`), lossless WebP, quality 100, method 6
    webp_each   a WebP file for each image
    png         the same tiled picture, PNG, optimised
    png_each    a PNG file for each image
    zlib        the bytes of all images, one after the other, level 9
    xz          the same bytes, preset 9
    """

    webp: float
    webp_each: float
    png: float
    png_each: float
    zlib: float
    xz: float


def first_examples(x: Examples) -> np.ndarray:
    """The first examples of x (N, *event), as many as codecs take in some seconds."""
    return np.asarray(x[: max(1, _MOST // math.prod(x.shape[1:]))])


def first_images(x: Examples) -> np.ndarray:
    """The first images of x (N, C, H, W), as many as make one picture that codecs take in some seconds."""
    _, channels, height, width = x.shape
    largest = (_LONGEST // max(height, width)) ** 2 // (1 if channels in _COLOURS else channels)
    return x[: max(1, min(largest, _MOST // (channels * height * width)))]


def tiled(images: np.ndarray) -> np.ndarray:
    """Lay images (N, C, H, W) out in rows, as one picture (rows H, columns W, C) that is nearly square.

    There are ceil(sqrt(N)) columns; the places that are left over in the last row have the background, which is the
    most frequent colour of the images.
    """
    number, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    sheet = np.empty((rows * columns, height, width, channels), np.uint8)
    sheet[:number] = images.transpose(0, 2, 3, 1)
    sheet[number:] = background(images)
    return sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2).reshape(rows * height, -1, channels)


def background(images: np.ndarray) -> np.ndarray:
    """The most frequent colour (C,) of images (N, C, H, W)."""
    colours = images.transpose(0, 2, 3, 1).reshape(-1, images.shape[1]).astype(np.int64)
    codes, counts = np.unique(colours @ 256 ** np.arange(colours.shape[1]), return_counts=True)
    return (codes[counts.argmax()] // 256 ** np.arange(colours.shape[1]) % 256).astype(np.uint8)


def bits(images: np.ndarray) -> Bits:
    """Bits per dimension of uint8 images (N, C, H, W) in all codecs."""
    pictures, content = _pictures(images), np.ascontiguousarray(images).tobytes()
    each, sheet = list(pictures.transpose(0, 2, 3, 1)), tiled(pictures)
    found = (
        _webp(sheet),
        sum(map(_webp, each)),
        _png(sheet),
        sum(map(_png, each)),
        8 * len(zlib.compress(content, 9)),
        8 * len(lzma.compress(content, preset=9)),
    )
    return Bits(*(value / images.size for value in found))


def quick_bits(images: np.ndarray) -> dict[str, float]:
    """Bits per dimension of uint8 images (N, C, H, W) in zlib, PNG and WebP, each of all images together, in a second.

    WebP takes some percent more than in `bits`, in a twentieth of the time.
    """
    sheet = tiled(_pictures(images))
    found = {
        "zlib": 8 * len(zlib.compress(np.ascontiguousarray(images).tobytes(), 9)),
        "PNG": _png(sheet),
        "WebP": _size(sheet, "WEBP", lossless=True, quality=75, method=4),
    }
    return {name: value / images.size for name, value in found.items()}


class LevelBits(NamedTuple):
    """Bits per dimension of integers that are no images; headers count.

    values  by the codec:
            zlib, xz  the bytes of all, little-endian, as in `Bits`
            stream    signals that 16 bits hold, one after the other in one stream of FLAC, whose blocks of 4,096
                      samples do not know where a signal ends
            blocks    FLAC with blocks for each signal and one header; their numbers, of up to two bytes more, are not
                      counted
    absent  why there is no FLAC, where there should be
    """

    values: dict[str, float]
    absent: str | None = None

    @property
    def flac(self) -> float | None:
        """The better of FLAC's two ways; None where there is none."""
        return min((self.values[name] for name in ("stream", "blocks") if name in self.values), default=None)


def level_bits(levels: np.ndarray, event: Event) -> LevelBits:
    """Bits per dimension of integers (N, *event) in codecs; FLAC at its highest level, by libsndfile."""
    content = np.ascontiguousarray(levels, levels.dtype.newbyteorder("<")).tobytes()
    sizes = {"zlib": len(zlib.compress(content, 9)), "xz": len(lzma.compress(content, preset=9))}
    absent = None
    if event.kind == "signal" and int(levels.max()) - int(levels.min()) < _LEVELS:
        try:
            sizes |= _flac(levels.astype(np.int64).reshape(len(levels), event.channels, -1))
        except InputError as error:
            absent = f"{error.got}: {error.advice}"
    return LevelBits({name: 8 * size / levels.size for name, size in sizes.items()}, absent)


def _flac(sound: np.ndarray) -> dict[str, int]:
    """The bytes of signals (N, C, L) in FLAC; more than eight channels are each a stream.

    Raises `InputError` where soundfile is not installed.
    """
    try:
        soundfile = optional("soundfile", "audio")
    except OSError as error:  # the package without its library
        raise InputError(f"soundfile ({reason(error)})", "one that can be imported", "install libsndfile") from error
    low, high = int(sound.min()), int(sound.max())
    if low < -_LEVELS // 2 or high >= _LEVELS // 2:  # as of unsigned numbers, whose silence is in the middle
        sound = sound - (low + high + 1) // 2
    sound = sound.reshape(-1, 1, sound.shape[2]) if sound.shape[1] > _TOGETHER else sound
    samples = sound.astype(np.int16).transpose(0, 2, 1)  # (N, L, C), as they lie in a file

    def written(part: np.ndarray) -> tuple[int, int]:
        """The sizes of a file and of its header."""
        file = io.BytesIO()
        soundfile.write(file, part, _RATE, "PCM_16", format="FLAC", compression_level=1.0)
        return file.getbuffer().nbytes, _header(file.getvalue())

    size, header = written(samples.reshape(-1, samples.shape[2]))
    return {"stream": size, "blocks": header + sum(whole - own for whole, own in map(written, samples))}


def _header(content: bytes) -> int:
    """The size of what is before the first block of sound in a file of FLAC.

    That is four letters, then blocks of metadata: a flag for the last one, a type, a length of 24 bits, and its bytes.
    Source: RFC 9639 (2024), section 8.1.
    """
    place, is_last = 4, False
    while not is_last:
        is_last = content[place] >= 128
        place += 4 + int.from_bytes(content[place + 1 : place + 4])
    return place


def _pictures(images: np.ndarray) -> np.ndarray:
    """The images as pictures in grey or RGB, (M, 1 | 3, H, W)."""
    return images if images.shape[1] in _COLOURS else images.reshape(-1, 1, *images.shape[2:])


def _webp(picture: np.ndarray) -> int:
    return _size(picture, "WEBP", lossless=True, quality=100, method=6)


def _png(picture: np.ndarray) -> int:
    return _size(picture, "PNG", optimize=True)


def _size(picture: np.ndarray, form: str, **options: object) -> int:
    """The bits of a picture (H, W, C) in a format of Pillow."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, form, **options)
    return 8 * file.getbuffer().nbytes
