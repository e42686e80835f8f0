"""Facts of data: kind, levels, neighbours and number, on arrays whose facts are known."""

from dataclasses import replace

import numpy as np
import pytest

from ndm.data import DataSet, Split, load
from ndm.recipes import facts_of


def data_of(x: np.ndarray, num_levels: int | None = None) -> DataSet:
    split = Split(x if num_levels else x.astype(np.float32))
    return DataSet("made up", split, split, split, num_levels=num_levels, num_classes=0, source="here")


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(20, *shape))


@pytest.mark.parametrize(
    ("shape", "kind", "sizes", "has_channels"),
    [
        ((1, 9, 8), "float image", (9, 8), True),
        ((28, 28), "float image", (28, 28), False),
        ((64,), "signal", (64,), False),
        ((2, 64), "signal", (64,), True),
        ((8, 8, 8), "volume", (8, 8, 8), False),
        ((2, 8, 8, 8), "volume", (8, 8, 8), True),
        ((2,), "points", (2,), False),
        ((5,), "table", (5,), False),
    ],
    ids=str,
)
def test_the_kind_of_real_values(shape, kind, sizes, has_channels):
    facts = facts_of(data_of(noise(*shape)))
    assert (facts.kind, facts.shape, facts.sizes, facts.has_channels) == (kind, shape, sizes, has_channels)
    assert facts.num_levels is facts.levels_used is None and facts.num_examples == 20
    assert facts.flat == (None if kind in ("points", "table") else 0.0)
    assert facts.is_grid == (kind not in ("points", "table"))


def test_axes_that_are_given_count():
    data = data_of(noise(16, 32))
    assert (facts_of(data).kind, facts_of(data, axes=1).kind) == ("float image", "signal")
    assert facts_of(data, axes=1).sizes == (32,) and facts_of(data, axes=1).has_channels


def test_levels_that_occur_and_neighbours_that_are_equal():
    x = np.zeros((12, 3, 4, 5), np.uint8)
    x[..., 2:] = 7  # of four neighbours along a row three are equal
    x[0, 0, 0, 0] = 40
    facts = facts_of(data_of(x, 256))
    assert (facts.kind, facts.num_levels, facts.levels_used) == ("image", 256, 3)
    assert facts.flat == pytest.approx(3 / 4 - 1 / (12 * 3 * 4 * 4))


def test_a_thousand_examples_are_looked_at():
    x = np.arange(5000).repeat(2).reshape(5000, 1, 1, 2) % 250
    assert facts_of(data_of(x.astype(np.uint8), 256)).num_examples == 5000
    fetched = []

    class Watched(np.ndarray):
        def __getitem__(self, rows):
            found = np.asarray(super().__getitem__(rows))
            fetched.append(found.shape)
            return found

    data = data_of(x.astype(np.uint8), 256)
    watched = replace(data, train=Split(data.train.x.view(Watched)))
    fetched.clear()
    assert facts_of(watched).flat == 1.0 and [shape[0] for shape in fetched] == [1000]


def test_known_data():
    digits = facts_of(load("digits"))
    assert (digits.kind, digits.shape, digits.num_levels, digits.levels_used) == ("image", (1, 8, 8), 17, 17)
    cities = facts_of(load("cities"))
    assert (cities.kind, cities.shape) == ("points", (2,))
