"""ImageNet, 1.28 million RGB images of 32 x 32 pixels and 256 levels, in an old and a new release (your own files)."""

from typing import Any

from ndm.data.dataset import DataSet
from ndm.data.sets import _imagenet as imagenet

NAME = "imagenet32"
FOLDERS = ("imagenet32", "imagenet-32")
FIRST = (
    "train_32x32.tar",
    "Imagenet32_train_npz.zip",
    "Imagenet32_train.zip",
    "Imagenet32_train_part1_npz.zip",
    "Imagenet32_train_part1.zip",
    "Imagenet32_train",
    "Imagenet32_train_npz",
    "train_data_batch_1.npz",
)

# sha256 as published; `ndm data check` computes them. Archives of the new release circulate packed anew as well.
ARCHIVES = {
    "train_32x32.tar": "244a323d48f8d72f65ad8b54658c01fed68d2d7bdc77ccb43da58c11e94224e5",
    "valid_32x32.tar": "862e559462b24cf736212a19f6b0d47b55c2dc8ebdaa95ccecfe71260124c8f7",
    "Imagenet32_train_npz.zip": "94226337ecc1b0309d9fcd0167127aaadc931587035fbcb53925235edbaec4fc",
    "Imagenet32_val_npz.zip": "013990e6dec1237dcd1f9beadbab81ead6604cc119af5cacbfb59ae28148377a",
}


def load(*, release: Any = None) -> DataSet:
    """Load images (3, 32, 32), uint8, of the `release` that is named, old or new; see `ndm.data.sets._imagenet`."""
    return imagenet.read(32, release)
