"""Faces, 30,000 RGB images of 256 x 256 pixels and 256 levels (your own folder of images or data256x256.zip)."""

from collections.abc import Sequence
from pathlib import Path

from ndm.base.errors import InputError
from ndm.data.dataset import DataSet, Split
from ndm.data.formats.images import Images, Policy
from ndm.data.formats.stores import Folder, Zip
from ndm.data.lazy import at_hand
from ndm.data.sets._supplied import VARIABLE, find_any, folders

NAME = "celeba_hq_256"
SOURCE = "Karras et al., CelebA-HQ, 2018, https://arxiv.org/abs/1710.10196, at 256 pixels"
ADVICE = f"put data256x256.zip, or its 30,000 images, into ${VARIABLE}/celeba_hq_256"
FOLDERS = ("celeba_hq_256", "celeba-hq-256")
FIRST = ("data256x256.zip", "data256x256", "00001.jpg", "00001.png")
SIZES = (26_000, 1_000, 3_000)
PIXELS = 256


def load() -> DataSet:
    """Load 26000 / 1000 / 3000 images (3, 256, 256), uint8, in the order of their names; papers have 27,000 / 3,000."""
    return read(folders(*FOLDERS), SIZES, PIXELS)


def read(places: Sequence[Path], sizes: tuple[int, int, int], pixels: int) -> DataSet:
    """Read the images of the archive or folder lazily; raises `InputError` for another number of them."""
    path = find_any(FIRST, places, ADVICE)
    store = Zip(path) if path.suffix == ".zip" else Folder(path if path.is_dir() else path.parent)
    if len(store.names) != sum(sizes):
        raise InputError(f"{store.path} of {len(store.names)} files", f"{sum(sizes)} images")
    x = at_hand(Images(store, Policy(pixels, pixels, "rgb"), resize=False))
    return DataSet(NAME, *Split(x).cut(sizes), num_levels=256, num_classes=0, source=SOURCE)
