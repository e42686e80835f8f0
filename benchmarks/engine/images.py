"""Images that are noise: what they show makes no difference to what they cost."""

import numpy as np

from ndm.data import DataSet, Split


def noise_images(name: str = "random", shape: tuple[int, ...] = (3, 32, 32), number: int = 64) -> DataSet:
    """Images of 256 levels, by default of the size of CIFAR-10's."""
    split = Split(np.random.default_rng(0).integers(0, 256, (number, *shape), dtype=np.uint8))
    return DataSet(name, split, split, split, num_levels=256, num_classes=0, source="uniform noise")
