"""Levels of dequantised values, and the density that a code of them is."""

import math

import numpy as np
import pytest

from ndm.data import load
from ndm.data.levels import Levels, levels_of


@pytest.mark.parametrize("step", [1.0, 1 / 255, 40.0])
def test_a_code_of_equal_lengths_is_the_uniform_density(step):
    """Three bits for each of D = 6 dimensions: uniform on [0, 8 s)^6."""
    levels = Levels(np.zeros((5, 2, 3), np.uint8), step)
    assert levels.nats(3.0) == pytest.approx(6 * math.log(8 * step), rel=1e-12)
    assert levels.bits_per_dim(6 * math.log(8 * step)) == pytest.approx(3.0, rel=1e-12)


def test_a_code_of_a_distribution_is_its_density_spread_over_cells():
    """The best code of levels 0, 1, 3 takes -log2 P(k): the mean of -log of the histogram density of x."""
    probabilities, step = np.array([0.5, 0.25, 0.0, 0.25]), 0.1
    k = np.random.default_rng(0).choice(4, (2000, 3), p=probabilities)
    bits = -np.log2(probabilities[k]).mean()
    density = probabilities / step
    assert Levels(k, step).nats(bits) == pytest.approx(-np.log(density[k]).sum(1).mean(), rel=1e-12)


def test_a_density_is_a_code_that_is_no_longer():
    """Jensen: -log2 of the integral of a Gaussian density over a cell, against the mean of its -log in the cell."""
    step, sigma, k = 0.5, 1.3, np.arange(-4, 5)
    u = (np.arange(1000) + 0.5) / 1000
    density = np.exp(-0.5 * (step * (k[:, None] + u) / sigma) ** 2) / math.sqrt(2 * math.pi) / sigma
    bound = -np.log(density).mean(1)
    code = -np.log2(density.mean(1) * step)
    levels = Levels(k[:, None], step)
    assert all(code[i] < levels.bits_per_dim(bound[i]) < code[i] + 0.1 for i in range(len(k)))


@pytest.mark.parametrize("dtype, shape", [(np.int16, (32,)), (np.uint8, (4, 4, 4)), (np.int64, (2, 20))])
def test_integers_are_found_below_their_noise(tmp_path, dtype, shape):
    x = np.random.default_rng(0).integers(3, 200, (40, *shape)).astype(dtype)
    np.savez(tmp_path / "x.npz", x=x)
    data = load(str(tmp_path / "x.npz"), {"dequantise": True})
    order = {tuple(np.floor(row).ravel()) for row in data.validation.x}
    levels = levels_of(data.validation.x, data.reading)
    assert levels.step == 1 and levels.k.dtype == np.uint8 and levels.k.shape == (4, *shape)
    assert {tuple(row.ravel()) for row in levels.k} == order <= {tuple(row.ravel()) for row in x}


def test_fractions_are_found_below_their_noise(tmp_path):
    k = np.random.default_rng(0).integers(0, 256, (400, 3))
    np.savez(tmp_path / "x.npz", x=(k / 255).astype(np.float32))
    data = load(str(tmp_path / "x.npz"), {"dequantise": True})
    levels = levels_of(data.train.x, data.reading)
    assert levels.step == pytest.approx(1 / 255, rel=1e-6)
    assert np.mean([tuple(row) in set(map(tuple, k)) for row in levels.k]) > 0.99  # but for noise that rounds up


@pytest.mark.parametrize("noise", [{}, {"0": 1.0}, {"0": 1.0, "1": 2.0}])
def test_values_without_one_step_are_no_levels(noise):
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    assert levels_of(x, {"dequantise": noise}) is None and levels_of(x, {}) is None


def test_the_type_is_the_narrowest():
    reading = {"dequantise": {"0": 1.0}}
    ends = {(0, 255): "uint8", (-1, 3): "int8", (-1, 200): "int16", (0, 300): "uint16", (-70_000, 0): "int32"}
    for values, name in ends.items():
        assert levels_of(np.array(values, np.float32)[:, None] + 0.5, reading).k.dtype == name
