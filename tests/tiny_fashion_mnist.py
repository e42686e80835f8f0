"""Fashion-MNIST's four files with few images, byte for byte in the official layout."""

import gzip
import hashlib
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ndm.data.dataset import DataSet
from ndm.data.sets import fashion_mnist

NUM_TRAINING, NUM_TEST = 120, 20


def idx(array: np.ndarray) -> bytes:
    """A uint8 array as an idx file, written as http://yann.lecun.com/exdb/mnist describes it."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def arrays() -> dict[str, np.ndarray]:
    """Images of noise, of every level, and labels 0, 1, ..., 9, 0, ..., by the official names of their files."""
    rng, found = np.random.RandomState(0), {}
    for part, num in (("train", NUM_TRAINING), ("t10k", NUM_TEST)):
        found[f"{part}-images-idx3-ubyte"] = rng.randint(0, 256, (num, 28, 28)).astype(np.uint8)
        found[f"{part}-labels-idx1-ubyte"] = (np.arange(num) % 10).astype(np.uint8)
    return found


def save(folder: Path, contents: dict[str, bytes]) -> dict[str, str]:
    """Write the files gzipped, as both distributors do; returns the md5 of each unpacked content."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}


def load_tiny() -> DataSet:
    """The data set of these files."""
    with TemporaryDirectory() as folder:
        checksums = save(Path(folder), {name: idx(array) for name, array in arrays().items()})
        return fashion_mnist.read([Path(folder)], checksums)
