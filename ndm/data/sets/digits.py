"""Handwritten digits, 1797 grey images of 8 x 8 pixels and 17 levels, 10 classes."""

from ndm.data.dataset import DataSet
from ndm.data.sets._vendored import load_vendored

NAME = "digits"
SOURCE = "Alpaydin, Kaynak, UCI, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0, via scikit-learn 1.9.1"


def load() -> DataSet:
    """Load 1200 / 300 / 297 images (1, 8, 8), uint8, values 0..16."""
    return load_vendored(NAME, (1200, 300, 297), num_levels=17, num_classes=10, source=SOURCE)
