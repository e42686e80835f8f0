"""Clothes, 70,000 grey images of 28 x 28 pixels and 256 levels, 10 classes (install dataset-fashion-mnist)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ndm.base.errors import InputError
from ndm.data.dataset import DataSet, Split
from ndm.data.formats import idx
from ndm.data.sets._supplied import VARIABLE, find, folders

NAME = "fashion_mnist"
FOLDERS = ("fashion-mnist", "fashion_mnist")
FIRST = ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz")
SOURCE = "Xiao, Rasul, Vollgraf, Fashion-MNIST, 2017, https://arxiv.org/abs/1708.07747, MIT licence"
INSTALLED = "/usr/share/datasets/fashion-mnist"  # by Debian's package
ADVICE = (
    "apt-get install dataset-fashion-mnist, or put the four files of https://github.com/zalandoresearch/fashion-mnist "
    f"into ${VARIABLE}/fashion-mnist"
)

# md5 of the unpacked files.
CHECKSUMS = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


def load() -> DataSet:
    """Load 55000 / 5000 / 10000 images (1, 28, 28), uint8; validation is the end of the training images.

    The files are looked for in $NDM_DATA and where Debian's package puts them. Raises `InputError` where they are
    absent, which says how to get them, or damaged.
    """
    return read(folders(*FOLDERS, installed=INSTALLED), CHECKSUMS)


def read(places: Sequence[Path], checksums: Mapping[str, str], advice: str = ADVICE) -> DataSet:
    """Read the four files in the folders `places`, with the md5 `checksums` of their unpacked content, by file name.

    `advice` says how to get them. The last twelfth of the training images, 5,000 of 60,000, is the validation split.
    """
    x, y = labelled("train", places, checksums, advice)
    end = len(x) - len(x) // 12
    return DataSet(
        NAME,
        Split(x[:end], y[:end]),
        Split(x[end:], y[end:]),
        Split(*labelled("t10k", places, checksums, advice)),
        num_levels=256,
        num_classes=10,
        source=SOURCE,
    )


def labelled(
    part: str, places: Sequence[Path], checksums: Mapping[str, str], advice: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read the images (N, 1, H, W) and labels (N,) of the files whose names begin with `part`."""
    images, labels = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    # Both are found before either is read: that a file is absent is known at once.
    x_path, y_path = find(images, places, advice), find(labels, places, advice)
    x, y = idx.read(x_path, 3, checksums[images]), idx.read(y_path, 1, checksums[labels])
    if len(x) != len(y):
        raise InputError(f"{y_path} of {len(y)} labels", f"{len(x)}, one for each image of {x_path}")
    return x[:, None], y.astype(np.int64)
