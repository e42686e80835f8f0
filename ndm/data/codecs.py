"""What lossless codecs take for images, in bits per dimension: WebP, PNG and xz."""

import io
import lzma
import math
from typing import NamedTuple

import numpy as np
from PIL import Image


class Bits(NamedTuple):
    """Bits per dimension of the same images in several codecs.

    webp   one tiled picture (`tiled`), lossless WebP, quality 100, method 6
    png    the same tiled picture, PNG, optimised
    each   a PNG file for each image
    xz     the bytes of all images, one after the other, xz, preset 9
    """

    webp: float
    png: float
    each: float
    xz: float


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


def webp_bits(images: np.ndarray) -> float:
    """Bits per dimension of uint8 images (N, C, H, W), C = 1 or 3, as one tiled picture in lossless WebP."""
    return _size(tiled(images), "WEBP", lossless=True, quality=100, method=6) / images.size


def bits(images: np.ndarray) -> Bits:
    """Bits per dimension of uint8 images (N, C, H, W), C = 1 or 3, in all codecs; headers count."""
    each = sum(_size(image.transpose(1, 2, 0), "PNG", optimize=True) for image in images)
    xz = 8 * len(lzma.compress(np.ascontiguousarray(images).tobytes(), preset=9))
    png = _size(tiled(images), "PNG", optimize=True)
    return Bits(webp_bits(images), *(value / images.size for value in (png, each, xz)))


def _size(picture: np.ndarray, form: str, **options: object) -> int:
    """The bits of a picture (H, W, C) in a format of Pillow."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, form, **options)
    return 8 * file.getbuffer().nbytes
