"""ImageNet, 1.28 million RGB images of 64 x 64 pixels and 256 levels, in an old and a new release (your own files)."""

from typing import Any

from ndm.data.dataset import DataSet
from ndm.data.sets import _imagenet as imagenet

NAME = "imagenet64"
FOLDERS = ("imagenet64", "imagenet-64")
FIRST = (
    "train_64x64.tar",
    "Imagenet64_train_npz.zip",
    "Imagenet64_train.zip",
    "Imagenet64_train_part1_npz.zip",
    "Imagenet64_train_part1.zip",
    "Imagenet64_train",
    "Imagenet64_train_npz",
    "train_data_batch_1.npz",
)

# sha256 as published; `ndm data check` computes them. Archives of the new release circulate packed anew as well.
ARCHIVES = {
    "train_64x64.tar": "e2a2c1947a748d0d256e98e6d82800d855441dc9e4de2e71a773f1324c4524d7",
    "valid_64x64.tar": "eeac03ec4f585baf871d2b4cb9c974bfe345e74878a74e5820fe6eb1041629cd",
}


def load(*, release: Any = None) -> DataSet:
    """Load images (3, 64, 64), uint8, of the `release` that is named, old or new; see `ndm.data.sets._imagenet`."""
    return imagenet.read(64, release)
