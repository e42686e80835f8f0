"""Yardsticks of a bound: closed forms of uniform levels, histograms and Gaussians, and codecs of the same examples."""

import math
import sys

import numpy as np
import pytest
import tiny
from scipy import stats

from ndm.data import DataSet, Split, load
from ndm.data.codecs import bits, level_bits, quick_bits
from ndm.data.event import event_of
from ndm.data.levels import levels_of
from ndm.data.yardsticks import GAUSSIAN, INDEPENDENT, UNIFORM, gaussian, histograms, independent_gaussians, yardsticks


def test_histograms_count_each_dimension_by_itself():
    """One dimension is 0 twice and 1 once, the other 2 three times, of L = 3 levels."""
    train = np.array([[0, 2], [0, 2], [1, 2]], np.uint8)
    x = np.array([[0, 2], [2, 0]], np.uint8)
    total = 3 + 3 / 2
    expected = -np.log2(np.array([2.5, 3.5, 0.5, 0.5]) / total).mean()
    assert histograms(train, x, 3) == pytest.approx(expected, rel=1e-12)


def test_histograms_in_parts_are_those_of_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    train, x = (rng.integers(0, 7, (num, 3, 4, 5)).astype(np.uint8) for num in (50, 11))
    whole = histograms(train, x, 7)
    monkeypatch.setattr("ndm.data.yardsticks._COUNTS", 7 * 13)
    assert histograms(train, x, 7) == pytest.approx(whole, rel=1e-12)


def test_the_histogram_of_uniform_levels_comes_near_log2_of_their_number():
    x = np.random.default_rng(0).integers(0, 4, (100_000, 2)).astype(np.uint8)
    assert histograms(x, x[:10_000], 4) == pytest.approx(2, abs=1e-3)


def test_gaussians_are_those_of_scipy():
    rng = np.random.default_rng(0)
    train, x = (rng.normal(size=(num, 4)) @ rng.normal(size=(4, 4)) + 3 for num in (500, 70))
    mean, covariance = train.mean(0), np.cov(train.T, bias=True)
    assert gaussian(train, x) == pytest.approx(-stats.multivariate_normal(mean, covariance).logpdf(x).mean())
    each = stats.norm(mean, np.sqrt(np.diag(covariance))).logpdf(x).sum(1)
    assert independent_gaussians(train, x) == pytest.approx(-each.mean())


def test_gaussians_that_cannot_be_computed_are_left_out():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    assert gaussian(x[:3], x) is None  # as many examples as dimensions
    assert gaussian(np.repeat(x[:, :1], 2, 1), x[:, :2]) is None  # of the same values
    assert gaussian(x[:, :1], x[:, :1]) is None  # it is that of each dimension
    assert independent_gaussians(0 * x, x) is None


def test_the_yardsticks_of_images():
    data = tiny.images()
    found = yardsticks(data, 30)
    assert list(found.values) == [UNIFORM, INDEPENDENT, "zlib", "PNG", "WebP"]
    assert (found.num_examples, found.num_coded, found.num_fitted) == (30, 30, 80)
    assert found.values[UNIFORM] == math.log2(17)
    assert found.values[INDEPENDENT] == histograms(data.train.x, data.validation.x[:30], 17)
    assert found.values["zlib"] == quick_bits(data.validation.x[:30])["zlib"]


def test_the_yardsticks_of_real_values():
    data = tiny.points()
    found = yardsticks(data, 10)
    assert list(found.values) == [INDEPENDENT, GAUSSIAN] and found.num_coded == 0 and found.absent == {}
    assert found.values[GAUSSIAN] == gaussian(data.train.x, data.validation.x[:10])


def dequantised(path, x: np.ndarray) -> DataSet:
    """The data of a file of integers, with noise."""
    np.savez(path, x=x)
    return load(str(path), {"dequantise": True})


def test_the_yardsticks_of_volumes_of_integers(tmp_path):
    """Noise of 4 levels takes D log 4 nats in the best code, and zlib a little more."""
    x = np.random.default_rng(0).integers(0, 4, (400, 6, 6, 6)).astype(np.int16)
    data = dequantised(tmp_path / "volumes.npz", x)
    found = yardsticks(data, 30)
    assert list(found.values) == [INDEPENDENT, GAUSSIAN, "zlib", "xz"] and found.absent == {}
    assert (found.num_examples, found.num_coded) == (30, 30)
    assert all(1 < found.values[name] / (216 * math.log(4)) < 1.4 for name in ("zlib", "xz"))


def test_the_yardsticks_of_sound(tmp_path):
    pytest.importorskip("soundfile")
    tone = 9000 * np.sin(np.arange(256) / np.random.default_rng(0).uniform(2, 20, (200, 1)))
    data = dequantised(tmp_path / "sound.npz", np.round(tone).astype(np.int16))
    found = yardsticks(data, 10)
    levels = levels_of(data.validation.x[:10], data.reading)
    assert list(found.values) == [INDEPENDENT, "zlib", "xz", "FLAC"] and found.absent == {}
    flac = level_bits(levels.k, event_of((256,), None)).flac
    assert found.values["FLAC"] == pytest.approx(256 * flac * math.log(2), rel=1e-12)
    assert found.values["FLAC"] < min(found.values["xz"], found.values[INDEPENDENT])


def test_without_soundfile_it_is_kept_why_there_is_no_flac(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    found = yardsticks(dequantised(tmp_path / "sound.npz", np.arange(1600).reshape(50, 32)), 5)
    assert "FLAC" not in found.values and "pip install 'ndm[audio]'" in found.absent["FLAC"]


def test_a_sample_is_fitted_and_compressed_where_there_is_too_much(monkeypatch):
    monkeypatch.setattr("ndm.data.yardsticks._FITTED", 64 * 20)
    monkeypatch.setattr("ndm.data.codecs._MOST", 64 * 5)
    found = yardsticks(tiny.images(), 30)
    assert (found.num_examples, found.num_coded, found.num_fitted) == (30, 5, 20)
    assert found.values["WebP"] == quick_bits(tiny.images().validation.x[:5])["WebP"]


def test_codecs_find_that_images_are_of_one_colour_and_that_noise_is_noise():
    flat = np.full((64, 3, 32, 32), 77, np.uint8)
    assert max(quick_bits(flat).values()) < 0.03
    noise = np.random.default_rng(0).integers(0, 256, (64, 3, 32, 32)).astype(np.uint8)
    assert all(value == pytest.approx(8, rel=0.01) for value in quick_bits(noise).values())


def test_the_quick_webp_is_near_the_thorough_one():
    """Smooth images with some noise, as photos are."""
    rng = np.random.default_rng(0)
    slopes = rng.uniform(-3, 3, (64, 1, 2, 1, 1)) * np.stack(np.mgrid[:16, :16])
    images = (128 + slopes.sum(2) + rng.normal(size=(64, 1, 16, 16))).astype(np.uint8)
    assert bits(images).webp == pytest.approx(quick_bits(images)["WebP"], rel=0.15)


def test_images_of_two_channels_are_compressed_too():
    x = np.random.default_rng(0).integers(0, 4, (3, 20, 2, 8, 8)).astype(np.uint8)
    data = DataSet("two", *map(Split, x), num_levels=4, num_classes=0, source="here")
    assert yardsticks(data, 20).values.keys() == {UNIFORM, INDEPENDENT, "zlib", "PNG", "WebP"}
