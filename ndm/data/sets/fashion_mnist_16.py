"""Fashion-MNIST made smaller, 16 x 16 pixels and 256 levels, 10 classes (install dataset-fashion-mnist)."""

from dataclasses import replace

import numpy as np

from ndm.data.dataset import DataSet, Split
from ndm.data.sets import fashion_mnist

NAME = "fashion_mnist_16"
MADE_FROM = "fashion_mnist"


def load() -> DataSet:
    """Load 55000 / 5000 / 10000 images (1, 16, 16), uint8: those of `fashion_mnist`, in its splits.

    Each is padded with two zeros on every side, to 32 x 32, and each 2 x 2 block is replaced by its mean, rounded
    half to even. Raises `InputError` as `fashion_mnist` does.
    """
    return smaller(fashion_mnist.load())


def smaller(whole: DataSet) -> DataSet:
    """Pad the images of a data set and average them in blocks."""
    train, validation, test = (
        Split(block_means(np.pad(split.x, ((0, 0), (0, 0), (2, 2), (2, 2)))), split.y)
        for split in (whole.train, whole.validation, whole.test)
    )
    return replace(whole, name=NAME, train=train, validation=validation, test=test)


def block_means(x: np.ndarray) -> np.ndarray:
    """The mean of each 2 x 2 block of `x` (N, C, 2H, 2W), uint8, rounded half to even: (N, C, H, W), uint8."""
    rows = x[..., ::2, :].astype(np.uint16) + x[..., 1::2, :]
    sums = rows[..., ::2] + rows[..., 1::2]
    return np.rint(sums / np.float32(4)).astype(np.uint8)  # quarters are exact in float32
