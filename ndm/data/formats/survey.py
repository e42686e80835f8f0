"""Examination of every encoded image of a store before training: which are examples, by which policy, and notes.

What the options leave open is decided here: one size, grey or colour. What would silently be dropped is refused, and
what is changed is counted.
"""

import hashlib
import io
from collections.abc import Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import ImageCms

from ndm.base.errors import InputError
from ndm.data.formats.encoded import EncodedFile, of_several_frames, transparent
from ndm.data.formats.images import BACKGROUNDS, CROPS, FRAMES, MODES, THREADS, Images, Policy
from ndm.data.formats.stores import Store
from ndm.data.lazy import Examples, at_hand, option

GREY = ("1", "L", "LA", "La")
_EXACT = (*GREY, "P", "PA", "RGB", "RGBA", "RGBa")  # modes whose colours RGB has as they are
_AT_A_TIME = 4096  # files
_OF_FRAMES = {
    "": "",
    "first": "hold several frames, of which the first is used",
    "all": "hold several frames, each of which is an example, those of one file in one split",
}
_BESIDE = "hold more than is used, as a preview, a gain map or smaller sizes of an icon"
_COPIES = "are copies of others, so that train and test may share them"
_OF_CROP = {"center": "are cropped to the middle (crop=none: stretched)", "none": "are stretched in one direction"}


class Surveyed(NamedTuple):
    """The examples of a store, the number of the file of each (N,), notes, and the options of `reading_of`."""

    x: Examples
    files: np.ndarray
    notes: tuple[str, ...]
    reading: dict[str, Any]


class Tally:
    """Counts the images of each kind, and remembers where the first was."""

    def __init__(self) -> None:
        self.kinds: dict[Any, tuple[int, str]] = {}

    def add(self, kind: Hashable, where: str, more: int = 1) -> None:
        """Count one more image of a kind, or several."""
        number, first = self.kinds.get(kind, (0, where))
        self.kinds[kind] = (number + more, first)

    def __getitem__(self, kind: Hashable) -> tuple[int, str]:
        return self.kinds.get(kind, (0, ""))


class _Look(NamedTuple):
    """What is found out about a file, and about each of its frames that is an example."""

    digest: bytes
    num_frames: int
    num_beside: int
    sizes: list[tuple[int, int]]
    are_grey: list[bool]
    have_alpha: list[bool]
    are_transparent: list[bool]
    remarks: list[str]


def images_of(
    store: Store, *, size: Any = None, crop: Any = None, mode: Any = None, frames: Any = None, background: Any = None
) -> Surveyed:
    """Load every image of the store: decoded at once if they take at most `IN_MEMORY` bytes, else lazily.

    Raises `InputError` as `survey`.
    """
    given = {"size": size, "crop": crop, "mode": mode, "frames": frames, "background": background}
    policy, entries, notes = survey(store, **given)
    x = at_hand(Images(store, policy, entries, resize=size is not None))
    return Surveyed(x, entries[:, 0], notes, reading_of(x, given))


def reading_of(x: Examples, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options by which other images are read like `x`, which was read with those that were `given`.

    Where some were in colour, all are; where all were grey, one in colour is of another kind.
    """
    in_colour = {"mode": "rgb"} if x.shape[1] == 3 else {}
    return {name: value for name, value in given.items() if value is not None} | in_colour


def survey(
    store: Store, *, size: Any, crop: Any, mode: Any, frames: Any, background: Any
) -> tuple[Policy, np.ndarray, tuple[str, ...]]:
    """Choose the policy and the entries of `Images`, with notes.

    Without `size` all must have the same, and without `mode` they are grey if all are. Raises `InputError` for an
    option that cannot be, images that cannot be decoded or have more than 8 bits a channel, mixed sizes, and, without
    the option that says what to do, several frames in a file and transparent pixels.
    """
    for name, value, allowed in (
        ("mode", mode, tuple(MODES)),
        ("crop", crop, CROPS),
        ("frames", frames, FRAMES),
        ("background", background, BACKGROUNDS),
    ):
        if value is not None:
            option(name, value, allowed)
    if crop is not None and size is None:
        raise InputError(f"crop={crop} without a size", "both, as in size=32 crop=center")
    if not store.names:
        raise InputError(f"{store.path} without images", "one or more")
    wanted, seen = None if size is None else _size(size), _Seen(store)
    for i, look in enumerate(_looks(store, frames, background)):
        seen.add(i, look)
    seen.refuse(frames)
    if len(seen.sizes.kinds) > 1 and wanted is None:
        (first, (_, one)), (second, (_, other)) = list(seen.sizes.kinds.items())[:2]
        raise InputError(
            f"images of mixed sizes: {one} of {first[0]}x{first[1]} pixels and {other} of {second[0]}x{second[1]}",
            "one size",
            "name it: size=32",
        )
    width, height = wanted or next(iter(seen.sizes.kinds))
    chosen = mode or ("rgb" if seen.grey[False][0] else "grey")
    policy = Policy(height, width, chosen, crop or "center", background, frames)
    return policy, np.array(seen.entries), tuple(seen.notes(policy, mode))


class _Seen:
    """What is found out about all files of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.entries: list[tuple[int, int]] = []
        self.digests: dict[bytes, int] = {}
        self.several, self.beside, self.copies = Tally(), Tally(), Tally()  # of files
        self.sizes, self.grey, self.alpha, self.transparent, self.remarks = (Tally() for _ in range(5))  # of images

    def add(self, i: int, look: _Look) -> None:
        """Add what was found out about file i."""
        where = self.store.where(i)
        self.entries += [(i, k) for k in range(len(look.sizes))]
        if self.digests.setdefault(look.digest, i) != i:
            self.copies.add(True, f"{where} of {self.store.where(self.digests[look.digest])}")
        if look.num_frames > 1:
            self.several.add(True, f"{where} of {look.num_frames}")
        if look.num_beside:
            self.beside.add(True, where)
        for tally, kinds in (
            (self.sizes, look.sizes),
            (self.grey, look.are_grey),
            (self.alpha, look.have_alpha),
            (self.transparent, look.are_transparent),
            (self.remarks, look.remarks),
        ):
            for kind in kinds:
                tally.add(kind, where)

    def refuse(self, frames: str | None) -> None:
        """Raise `InputError` for what no option decides."""
        several, first = self.several[True]
        if several and frames is None:
            raise of_several_frames(f"{several} of {len(self.store.names)} files of several frames, the first {first}")
        number, first = self.transparent[True]
        if number:
            raise transparent(f"{number} of {len(self.entries)} images, the first {first},")

    def notes(self, policy: Policy, mode: str | None) -> Iterator[str]:
        """The notes on what is changed or left out, with counts."""
        files, images = len(self.store.names), len(self.entries)
        for tally, what in (
            (self.several, _OF_FRAMES[policy.frames or ""]),
            (self.beside, _BESIDE),
            (self.copies, _COPIES),
        ):
            if (found := tally[True])[0]:
                yield f"{found[0]} of {files} files {what}: the first {found[1]}"
        grey, first = self.grey[True]
        if grey and policy.mode == "rgb" and mode is None:
            yield f"{grey} of {images} images are grey and get three equal channels (mode=grey: one): the first {first}"
        number, first = self.alpha[True]
        if policy.background is not None and number:
            yield (
                f"{number} of {images} images have an alpha channel and are laid on {policy.background}: the first "
                f"{first}"
            )
        for what, (number, first) in (*self.remarks.kinds.items(), *self._resized(policy).kinds.items()):
            yield f"{number} of {images} images {what}: the first {first}"

    def _resized(self, policy: Policy) -> Tally:
        """The notes on what resizing does besides making images smaller."""
        found = Tally()
        for (width, height), (number, first) in self.sizes.kinds.items():
            scales = policy.width / width, policy.height / height
            if max(scales) > 1:
                found.add(f"are enlarged to {policy.width}x{policy.height} pixels", first, number)
            if scales[0] != scales[1]:
                found.add(_OF_CROP[policy.crop], first, number)
        return found


def _looks(store: Store, frames: str | None, background: str | None) -> Iterator[_Look]:
    """Look at all files in their order, by threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(store.names), _AT_A_TIME):
            files = range(start, min(start + _AT_A_TIME, len(store.names)))
            yield from pool.map(lambda i: _look(store, i, frames, background), files)


def _look(store: Store, i: int, frames: str | None, background: str | None) -> _Look:
    """Look at one file; pixels are decoded only where Pillow does so, or to see if an image is transparent."""
    with EncodedFile(store, i) as file:
        sizes, grey, alpha, transparent = [], [], [], []
        remarks: list[str] = []
        for k in range(len(file.frames) if frames == "all" else 1):
            image = file.at(k)
            sizes.append(file.size)
            grey.append(image.mode in GREY)
            remarks += _remarks(image.mode, image.info.get("icc_profile"), file.is_turned)
            alpha.append(image.has_transparency_data)
            transparent.append(background is None and file.is_transparent())
        digest = hashlib.blake2b(file.content, digest_size=8).digest()
        return _Look(digest, len(file.frames), file.num_beside, sizes, grey, alpha, transparent, remarks)


def _remarks(mode: str, profile: bytes | None, is_turned: bool) -> Iterator[str]:
    """The remarks on an image of this mode and colour profile."""
    if mode == "1":
        yield "are bilevel and become 0 and 255"
    if mode not in _EXACT:
        yield f"are of mode {mode} and converted without a colour profile"
    if profile and "srgb" not in (name := _name(profile)).lower():
        yield f"have the colour profile {name!r}, which is not applied"
    if is_turned:
        yield "are turned as the camera was held"


@lru_cache(maxsize=64)
def _name(profile: bytes) -> str:
    """The name in a colour profile."""
    try:
        return " ".join(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).split())
    except Exception:  # it is damaged, or Pillow has no library for it: the image is as good as without
        return "unreadable"


def _size(size: Any) -> tuple[int, int]:
    """Width and height of size=S or size=[HEIGHT,WIDTH]."""
    height, width = size if isinstance(size, list) and len(size) == 2 else (size, size)
    if not all(isinstance(each, int) and not isinstance(each, bool) and 1 <= each <= 4096 for each in (height, width)):
        raise InputError(f"the option size={size}", "pixels, 1 to 4096: size=32 or size=[HEIGHT,WIDTH]")
    return width, height
