"""What is said of values over which a density is infinite: the same of every format, when data are made."""

import csv
import re
from dataclasses import replace

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from ndm import data
from ndm.base.errors import InputError
from ndm.data import lazy
from ndm.data.remarks import remarks

RNG = np.random.RandomState(0)
NUM = 200
REAL = RNG.standard_normal((NUM, 3))
datasets.disable_progress_bars()


def said(x: np.ndarray, columns: str = "") -> tuple[str, ...]:
    return remarks(x.astype(np.float32), list(columns))


def saved(folder, kind: str, x: np.ndarray) -> tuple[str, dict]:
    """`x` (N, D) in a format, with columns a, b, ... where it has names, and the options that it is read by."""
    columns = dict(zip("abcdefghij", x.T, strict=False))
    path = folder / f"x.{kind}"
    if kind == "npy":
        np.save(path, x)
    elif kind == "npz":
        np.savez(path, x=x)
    elif kind == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([list(columns), *x.tolist()])
    elif kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    else:
        datasets.Dataset.from_dict(columns).save_to_disk(str(path))
    return str(path), {"streaming": True, "validation": 20, "test": 20} if kind == "stream" else {}


FORMATS = ["npy", "npz", "csv", "parquet", "export", "stream"]
REMARKED = {
    "counts": (np.c_[REAL, RNG.poisson(3, NUM)], "hold(s)? integers.*dequantise"),
    "k / 255": (np.c_[REAL, RNG.randint(0, 256, NUM) / 255], r"values at equal steps \(0.003922 .*dequantise"),
    "k / 10": (np.c_[REAL, np.round(RNG.standard_normal(NUM), 1)], r"values at equal steps \(0.1 .*dequantise"),
    "zeros": (np.c_[REAL, np.maximum(REAL[:, 0], 0) ** 1.5], r"repeats values, as 0 in [6-9]\d of 1\d\d examples"),
    "the same": (np.c_[REAL, REAL[:, 0]], "are the same"),
    "linear": (np.c_[REAL, 1.8 * REAL[:, 0] - REAL[:, 1] + 32], "are linear in each other, 1 of them"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", REMARKED)
def test_every_format_is_remarked_on(tmp_path, kind, name):
    x, message = REMARKED[name]
    path, options = saved(tmp_path, kind, x.astype(np.float64))
    notes = [note for note in data.load(path, options).notes if not note.startswith("train is a stream")]
    assert len(notes) == 1
    assert re.search(message, notes[0])
    assert ("[3]" if kind.startswith("np") else "column") in notes[0]


@pytest.mark.parametrize("kind", FORMATS)
def test_continuous_values_are_not(tmp_path, kind):
    path, options = saved(tmp_path, kind, REAL)
    assert all(note.startswith("train is a stream") for note in data.load(path, options).notes)


@pytest.mark.parametrize("name", ["8gaussians", "checkerboard", "cities", "digits", "moons", "pinwheel"])
def test_nor_are_the_data_that_come_along(name):
    assert data.load(name).notes == ()


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet", "export"])
def test_noise_as_wide_as_the_step_takes_the_remark_away(tmp_path, kind):
    x = np.c_[REAL, RNG.poisson(3, NUM), np.round(RNG.standard_normal(NUM), 1)]
    path, _ = saved(tmp_path, kind, x)
    noisy = data.load(path, {"dequantise": True})
    assert noisy.notes == () and noisy.fingerprint() == data.load(path, {"dequantise": True}).fingerprint()
    names = [3, 4] if kind.startswith("np") else ["d", "e"]
    assert noisy.fingerprint() == data.load(path, {"dequantise": names}).fingerprint()
    assert len(data.load(path, {"dequantise": names[:1]}).notes) == 1
    added = noisy.train.x - data.load(path).train.x
    assert (np.abs(added[:, :3]) == 0).all()
    for column, step in ((added[:, 3], 1.0), (added[:, 4], 0.1)):
        assert (column > -1e-6).all() and (column < step + 1e-6).all() and np.ptp(column) > 0.8 * step
    with pytest.raises(InputError, match=r"dequantise=\['?(0|a)'?\] of .*; expected columns of integers, or of"):
        data.load(path, {"dequantise": [0] if kind.startswith("np") else ["a"]})
    with pytest.raises(InputError, match="without a column 'z'"):
        data.load(path, {"dequantise": ["z"]})


def test_noise_where_there_are_no_steps_is_refused(tmp_path):
    for kind in ("npy", "csv"):
        with pytest.raises(InputError, match=r"has no values at equal steps; .*leave it out"):
            data.load(saved(tmp_path, kind, REAL)[0], {"dequantise": True})
    np.save(tmp_path / "cubes.npy", RNG.randint(0, 9, (20, 2, 2)).astype(np.float32))
    with pytest.raises(InputError, match=r"shape \(20, 2, 2\); expected dequantise=true, or x of shape \(N, D\)"):
        data.load(str(tmp_path / "cubes.npy"), {"dequantise": [0]})


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, np.uint8, bool])
def test_integers_are_refused_with_advice_that_does_not_lead_astray_and_taken_with_noise(tmp_path, dtype):
    x = RNG.randint(0, 9, (NUM, 2)).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(InputError, match="dequantise=true") as caught:
        data.load(str(tmp_path / "x.npy"))
    assert "float32" not in str(caught.value)
    found = data.load(str(tmp_path / "x.npy"), {"dequantise": True})
    assert found.notes == () and found.train.x.dtype == np.float32 and not found.is_image
    every = np.concatenate([found.split(part).x for part in data.dataset.SPLITS])
    assert np.floor(every).sum() == x.sum()


def test_images_that_show_nothing():
    images = RNG.randint(0, 256, (20, 1, 4, 4)).astype(np.uint8)
    assert remarks(images) == ()
    images[3:5] = 7
    assert remarks(images) == ("2 of 20 images of train are of one colour throughout",)
    assert remarks(images[:1].repeat(9, 0)) == ("all images of train are the same",)
    (note,) = said(images / 255)
    assert "dimensions [0, 0, 0], [0, 0, 1], [0, 0, 2] and 13 more hold values" in note and "as uint8" in note


def test_equal_columns_are_named_in_groups():
    assert said(np.c_[REAL, REAL[:, :1]], "abcd") == ("columns a and d are the same",)
    assert said(np.c_[REAL, REAL[:, :1], REAL[:, :1]], "abcde") == ("columns a, d and e are the same",)
    zero = np.where(REAL[:, :1] > 0, REAL[:, :1], 0.0)
    assert "columns a and b are the same" in said(np.c_[zero, np.where(zero == 0, -0.0, zero)], "ab")
    wide = RNG.standard_normal((20, 5000))
    notes = said(np.c_[wide, wide])
    assert notes[0] == "dimensions [0] and [5000] are the same" and len(notes) == 5
    assert notes[4] == "and 4,996 more groups of equal dimensions"


def test_twenty_thousand_columns_are_compared_at_once(tmp_path):
    """By their bytes, not pair by pair: 200 million of these took five minutes."""
    wide = RNG.standard_normal((12, 20000))
    wide[:, 7] = wide[:, 19999]
    names = [f"c{i}" for i in range(20000)]
    with (tmp_path / "wide.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *wide.tolist()])
    assert data.load(str(tmp_path / "wide.csv")).notes == ("columns c7 and c19999 are the same",)


def test_dimensions_that_never_change_and_one_hot_columns():
    (note,) = said(np.c_[REAL, np.ones((NUM, 2))])
    assert note.startswith("dimension [3] of train (of 2 such) never changes")
    notes = said(np.c_[REAL, np.eye(3)[RNG.randint(0, 3, NUM)]], "abcdef")
    assert [note.split(":")[0] for note in notes[1:]] == ["columns d, e and f hold integers"]
    assert notes[0].startswith("columns d, e and f are linear in each other, 1 of them")


def test_what_only_the_sample_shows_is_not_said(monkeypatch):
    x = RNG.standard_normal((1000, 3)).astype(np.float32)
    monkeypatch.setattr(lazy, "CHUNK", 12 * 100)  # a hundred examples at a time
    rows = np.linspace(0, 999, 100, dtype=int)
    x[rows, 1] = x[rows, 0]
    assert remarks(x) == ()
    x[:, 1] = x[:, 0]
    assert remarks(x) == ("dimensions [0] and [1] are the same",)


def test_data_that_are_made_of_data_are_remarked_on_once():
    part = data.Split(np.c_[REAL, RNG.poisson(3, NUM)].astype(np.float32))
    made = data.DataSet("x", part, part, part, num_levels=None, num_classes=0, source="here", notes=("first",))
    assert made.notes[0] == "first" and len(made.notes) == 2 and replace(made, name="y").notes == made.notes


def test_an_outlier_makes_no_line():
    x = REAL.copy()
    x[7] = 1e8
    assert said(x) == ()
    linear = np.c_[x, x[:, 0] + x[:, 1]]
    linear[7] = 1e8, -3e7, 2e6, 7e7
    assert "linear in each other" in said(linear)[0]
