"""Encoded images (PNG, JPEG, any format of Pillow) as a lazy array that threads decode.

The policy, in this order:

    frames        a file of several is refused, unless frames=all takes each as an example, or frames=first
    orientation   the camera's is applied
    background    transparent pixels are refused, unless there is one to lay them on, white or black. It is done as
                  browsers do, in 8 bits on the values as they are stored: a c + (1 - a) background
    mode          grey (L) or RGB; palettes and CMYK are converted, colour profiles are not applied
    size, crop    crop=center: the shorter side is resized to the size, and the middle of the longer side kept (the
                  default); crop=none: both sides are resized, whatever that does to the aspect ratio

Resizing is bicubic, with the antialiasing of Pillow. Nothing is resized where no size is named. Images of more than 8
bits a channel are refused, which Pillow would cut.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from PIL import Image, ImageOps

from ndm.base.errors import InputError
from ndm.data.formats.encoded import EncodedFile, of_several_frames, transparent, with_alpha
from ndm.data.formats.stores import Store
from ndm.data.lazy import Lazy

MODES = {"grey": "L", "rgb": "RGB"}
CROPS = ("center", "none")
FRAMES = ("all", "first")
BACKGROUNDS = ("white", "black")
THREADS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Policy:
    """The policy by which an image becomes uint8 (C, height, width); see above."""

    height: int
    width: int
    mode: str
    crop: str = "center"
    background: str | None = field(default=None, repr=False)  # not in fingerprints of those who do not need it
    frames: str | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one decoded image, (C, height, width)."""
        return (1 if self.mode == "grey" else 3, self.height, self.width)

    def __call__(self, image: Image.Image) -> np.ndarray:
        image = ImageOps.exif_transpose(image)
        if self.background is not None and image.has_transparency_data:
            image = Image.alpha_composite(Image.new("RGBA", image.size, self.background), with_alpha(image))
        image = image.convert(MODES[self.mode])
        size = (self.width, self.height)
        if image.size != size:
            fit = ImageOps.fit if self.crop == "center" else Image.Image.resize
            image = fit(image, size, Image.Resampling.BICUBIC)
        x = np.asarray(image)
        return x[None] if self.mode == "grey" else x.transpose(2, 0, 1)


class Images(Lazy):
    """A lazy array of images of `store`, decoded by `policy`; `resize` says if other sizes are resized or refused.

    entries   (N, 2), which file, and which of its frames; the first of every file if not given

    The fingerprint is of the encoded images, the entries and the policy. Raises `InputError`, naming the file, for one
    that cannot be decoded or that the policy refuses.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, store: Store, policy: Policy, entries: np.ndarray | None = None, resize: bool = True) -> None:
        self.store, self.policy, self.resize = store, policy, resize
        number = len(store.names)
        self.entries = np.stack([np.arange(number), np.zeros(number, int)], 1) if entries is None else entries
        self.shape = (len(self.entries), *policy.shape)

    def take(self, positions: np.ndarray) -> np.ndarray:
        found = np.empty((len(positions), *self.shape[1:]), np.uint8)
        places: dict[int, list[tuple[int, int]]] = {}  # of a file: the frames, and where they go
        for place, (i, frame) in enumerate(self.entries[positions].tolist()):
            places.setdefault(i, []).append((frame, place))

        def decode(i: int) -> None:
            with EncodedFile(self.store, i) as file:
                if self.policy.frames is None and len(file.frames) > 1:
                    raise of_several_frames(f"{file.where} of {len(file.frames)} frames")
                for frame, place in sorted(places[i]):  # an animation is decoded from its beginning
                    found[place] = self._decode(file, frame)

        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(decode, places):
                pass
        return found

    def _decode(self, file: EncodedFile, frame: int) -> np.ndarray:
        image = file.at(frame)
        if not self.resize and file.size != (self.policy.width, self.policy.height):
            raise InputError(
                f"{file.where} of {image.width}x{image.height} pixels", f"{self.policy.width}x{self.policy.height}"
            )
        if self.policy.background is None and file.is_transparent():
            raise transparent(file.where)
        try:
            return self.policy(image)
        except Exception as error:
            raise file.corrupted(error) from error

    def subset(self, positions: np.ndarray) -> Self:
        return type(self)(self.store, self.policy, self.entries[positions], self.resize)

    def stamps(self) -> Iterator[bytes]:
        yield f"{self.policy} {self.shape};".encode()
        if self.policy.background is not None:
            yield f"background {self.policy.background};".encode()
        files = {i: k for k, i in enumerate(dict.fromkeys(self.entries[:, 0].tolist()))}
        if self.entries[:, 1].any():
            yield f"frames {[(files[i], frame) for i, frame in self.entries.tolist()]};".encode()
        for i in files:
            content = self.store.read(i)
            yield f"{len(content)};".encode()
            yield content
