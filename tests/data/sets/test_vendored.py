"""The data sets that travel in the package hold what their sources hold."""

import numpy as np
import pytest

from ndm import data
from ndm.data.dataset import SPLITS, DataSet


def everything(dataset: DataSet) -> np.ndarray:
    return np.concatenate([dataset.split(part).x for part in SPLITS])


def test_digits_are_those_of_scikit_learn():
    source = pytest.importorskip("sklearn.datasets").load_digits()
    digits = data.load("digits")
    labels = np.concatenate([digits.split(part).y for part in SPLITS])
    ours = np.column_stack([labels, everything(digits).reshape(len(labels), -1)])
    theirs = np.column_stack([source.target, source.data])
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.tolist()))


def test_digits_sizes():
    digits = data.load("digits")
    assert [len(digits.split(part)) for part in SPLITS] == [1200, 300, 297]
    assert digits.event_shape == (1, 8, 8) and digits.num_levels == 17 and digits.num_classes == 10
    assert everything(digits).max() == 16


def test_cities_sizes_and_range():
    cities = data.load("cities")
    assert [len(cities.split(part)) for part in SPLITS] == [28000, 3000, 3006]
    places = everything(cities)
    assert len(places) == 34006 and len(np.unique(places, axis=0)) == 34002
    longitude, latitude = places.T
    assert -180 <= longitude.min() < -150 and 170 < longitude.max() <= 180
    assert -60 < latitude.min() < -50 and 70 < latitude.max() < 90


def test_cities_splits_are_alike():
    """Rows are permuted: unpermuted, they are sorted by country, and the means differ by tens of degrees."""
    cities = data.load("cities")
    for part in ("validation", "test"):
        x = cities.split(part).x
        error = x.std(axis=0) / np.sqrt(len(x))
        assert (np.abs(x.mean(axis=0) - cities.train.x.mean(axis=0)) < 4 * error).all()
