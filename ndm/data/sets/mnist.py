"""Handwritten digits, 70,000 grey images of 28 x 28 pixels and 256 levels, 10 classes (your own files)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ndm.data.dataset import DataSet
from ndm.data.sets import fashion_mnist
from ndm.data.sets._supplied import VARIABLE, folders

NAME = "mnist"
FOLDERS = ("mnist", "MNIST/raw")
FIRST = ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz")
SOURCE = "LeCun, Cortes, Burges, MNIST, 1998, http://yann.lecun.com/exdb/mnist"
ADVICE = f"put train-images-idx3-ubyte.gz and the three other files of MNIST into ${VARIABLE}/mnist"

# md5 of the unpacked files.
CHECKSUMS = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def load() -> DataSet:
    """Load 55000 / 5000 / 10000 images (1, 28, 28), uint8; validation is the end of the training images."""
    return read(folders(*FOLDERS), CHECKSUMS)


def read(places: Sequence[Path], checksums: Mapping[str, str]) -> DataSet:
    """Read the four files, in the format and the splits of `fashion_mnist`, which imitates them."""
    return replace(fashion_mnist.read(places, checksums, ADVICE), name=NAME, source=SOURCE)
