"""Encoded images (PNG, JPEG, any format of Pillow) as an array that is decoded when it is asked for, in threads.

The policy, in this order: the camera's orientation is applied; grey (L) or RGB by `mode`, where transparency is
dropped and palettes and CMYK are converted; and to `size`, by `crop`:

    crop=center   the shorter side is resized to the size, and the middle of the longer side kept (the default)
    crop=none     both sides are resized, whatever that does to the aspect ratio

Resizing is bicubic, with the antialiasing of Pillow. Nothing is resized where no size is named.
"""

import io
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from PIL import Image, ImageOps

from ndm.data.lazy import Examples, Lazy, at_hand, option
from ndm.data.stores import Store
from ndm.errors import InputError, is_out_of_memory, number, reason, refused

MODES = {"grey": "L", "rgb": "RGB"}
CROPS = ("center", "none")
GREY = ("1", "L", "LA")
_THREADS = min(8, os.cpu_count() or 1)
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)  # of EXIF: those that exchange height and width


@dataclass(frozen=True)
class Policy:
    """How an image becomes uint8 (C, height, width); see above."""

    height: int
    width: int
    mode: str
    crop: str = "center"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image."""
        return (1 if self.mode == "grey" else 3, self.height, self.width)

    def __call__(self, image: Image.Image) -> np.ndarray:
        image = ImageOps.exif_transpose(image).convert(MODES[self.mode])
        size = (self.width, self.height)
        if image.size != size:
            fit = ImageOps.fit if self.crop == "center" else Image.Image.resize
            image = fit(image, size, Image.Resampling.BICUBIC)
        x = np.asarray(image)
        return x[None] if self.mode == "grey" else x.transpose(2, 0, 1)


class Images(Lazy):
    """Those of `store` at `positions`, decoded by `policy`. `resize` says whether another size is resized or refused.

    The fingerprint is of the encoded images and the policy. Raises `InputError`, naming the file, for one that cannot
    be decoded.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, store: Store, policy: Policy, positions: np.ndarray | None = None, resize: bool = True) -> None:
        self.store, self.policy, self.resize = store, policy, resize
        self.positions = np.arange(len(store.names)) if positions is None else positions
        self.shape = (len(self.positions), *policy.shape)

    def take(self, positions: np.ndarray) -> np.ndarray:
        found = np.empty((len(positions), *self.shape[1:]), np.uint8)

        def decode(place: int) -> None:
            found[place] = self._decode(int(self.positions[positions[place]]))

        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(decode, range(len(positions))):
                pass
        return found

    def _decode(self, i: int) -> np.ndarray:
        with opened(self.store, i) as image:
            try:
                if not self.resize and oriented_size(image) != (self.policy.width, self.policy.height):
                    raise InputError(f"{self.store.where(i)} of {image.width}x{image.height} pixels",
                                     f"{self.policy.width}x{self.policy.height}")
                return self.policy(image)
            except InputError:
                raise
            except Exception as error:
                raise corrupted(self.store.where(i), error) from error

    def subset(self, positions: np.ndarray) -> Self:
        return type(self)(self.store, self.policy, self.positions[positions], self.resize)

    def stamps(self) -> Iterator[bytes]:
        yield f"{self.policy} {self.shape};".encode()
        for i in self.positions.tolist():
            content = self.store.read(i)
            yield f"{len(content)};".encode()
            yield content


def images_of(store: Store, *, size: Any = None, crop: Any = None, mode: Any = None) -> Examples:
    """Every image of the store: decoded at once where they take at most `IN_MEMORY` bytes, and lazily beyond.

    Raises `InputError` as `policy_of`.
    """
    return at_hand(Images(store, policy_of(store, size=size, crop=crop, mode=mode), resize=size is not None))


def policy_of(store: Store, *, size: Any, crop: Any, mode: Any) -> Policy:
    """What the options say, and the images of the store where they leave it open.

    Without `size` all must have the same, and without `mode` they are grey if all are. Raises `InputError` for an
    option that cannot be, images of mixed sizes, which it names, and images of 16 bits.
    """
    if mode is not None:
        option("mode", mode, tuple(MODES))
    if crop is not None and size is None:
        raise InputError(f"crop={crop} without a size", "both, as in size=32 crop=center")
    option("crop", crop or "center", CROPS)
    found, grey = None if size is None else _size(size), True
    for i in range(len(store.names)) if size is None or mode is None else ():
        with opened(store, i) as image:
            grey &= image.mode in GREY
            if size is not None:
                continue
            if found is not None and oriented_size(image) != found:
                raise InputError(f"images of mixed sizes: {store.where(0)} of {found[0]}x{found[1]} pixels and "
                                 f"{store.where(i)} of {image.width}x{image.height}", "one size", "name it: size=32")
            found = oriented_size(image)
    assert found is not None
    return Policy(found[1], found[0], mode or ("grey" if grey else "rgb"), crop or "center")


def opened(store: Store, i: int) -> Image.Image:
    """The image, its header read; raises `InputError` that names it."""
    try:
        image = Image.open(io.BytesIO(store.read(i)))
        image.getexif()  # some formats are decoded to find it
    except InputError:
        raise
    except Exception as error:  # Pillow's plug-ins raise whatever damaged content makes them raise
        raise corrupted(store.where(i), error) from error
    if image.mode.startswith(("I", "F")):
        raise InputError(f"{store.where(i)} of mode {image.mode}, more than 8 bits", "images of 8 bits a channel",
                         "convert it: 16 bits would be cut off")
    return image


def oriented_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as the camera was held."""
    width, height = image.size
    return (height, width) if image.getexif().get(_ORIENTATION) in _TURNED else (width, height)


def corrupted(where: str, error: Exception) -> InputError:
    """The `InputError` that names the file and the reason."""
    if number(error) or is_out_of_memory(error):
        return refused(where, "read", error, "")
    why = re.sub(r" <_io\.BytesIO [^>]*>", "", reason(error))  # what Pillow was given, instead of a file
    return InputError(f"{where}, which cannot be decoded ({why})", "an image that Pillow reads",
                      "remove or repair it: nothing is skipped")


def _size(size: Any) -> tuple[int, int]:
    """Width and height of size=S or size=[HEIGHT,WIDTH]."""
    height, width = size if isinstance(size, list) and len(size) == 2 else (size, size)
    if not all(isinstance(each, int) and not isinstance(each, bool) and 1 <= each <= 4096 for each in (height, width)):
        raise InputError(f"the option size={size}", "pixels, 1 to 4096: size=32 or size=[HEIGHT,WIDTH]")
    return width, height
