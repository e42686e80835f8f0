"""`ndm evaluate RUN --data OTHER`: all of it, read as the run's own data were, in the order of the file."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from calling import TINY_MLP, TINY_UNET, content, ndm, write_data, written
from PIL import Image

from ndm import data
from ndm.data.dataset import SPLITS
from ndm.evaluation.subject import subject
from ndm.runs.run import open_run

RNG = np.random.RandomState(0)
TABLE = {
    "a": 5 + RNG.standard_normal(60),
    "b": RNG.randint(0, 9, 60),
    "kind": ["x", "y"] * 30,
    "c": 100 * RNG.standard_normal(60),
}
SHORT = "--draws 2"


def write(path: str, columns: dict) -> None:
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])


def rows(columns: dict, number: int) -> dict:
    return {name: list(values)[:number] for name, values in columns.items()}


@pytest.fixture(scope="session")
def tables(tmp_path_factory) -> Path:
    """A table, and a run of three of its columns, the second with noise."""
    folder = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write("own.csv", TABLE)
        result = ndm(f"train own.csv --run run --max-steps 2 {TINY_MLP} --data-options label=kind dequantise=true")
        assert result.code == 0, result.err
    return folder


@pytest.fixture
def place(tables, empty) -> Path:
    (empty / "own.csv").symlink_to(tables / "own.csv")
    shutil.copytree(tables / "run", empty / "run", symlinks=True)
    return empty


def evaluated(words: str, run: str = "run") -> tuple[dict, str]:
    result = ndm(f"evaluate {run} {SHORT} {words}")
    assert result.code == 0, result.err
    return written(result), result.out


def examples(words: dict, name: str) -> np.ndarray:
    return np.asarray(subject(open_run(Path("run")), name, words, None, None).x)


def test_all_of_a_file_is_evaluated_in_its_order(place):
    write("other.csv", rows(TABLE, 20))
    found, said = evaluated("--data other.csv")
    assert (found["data"], found["split"], found["num_examples"]) == ("other.csv", "all", 20)
    assert found["columns"] == ["a", "b", "c"]
    assert "all 20 rows of other.csv, columns a, b, c (matched by name; left out: kind), continuous time" in said
    x = examples({}, "other.csv")
    assert np.allclose(x[:, 0], TABLE["a"][:20], atol=1e-4) and np.allclose(x[:, 2], TABLE["c"][:20], atol=1e-3)


def test_an_outlier_anywhere_counts(place):
    for row in (0, 7, 19):
        other = rows(TABLE, 20)
        write("other.csv", other)
        usual = evaluated("--data other.csv")[0]["nelbo"]["total"]
        other["c"][row] = 1e5
        write("other.csv", other)
        assert evaluated("--data other.csv")[0]["nelbo"]["total"] > usual + 100


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_are_matched_by_name_in_any_order(place, suffix):
    """Noise as well: it belongs to the name and the row."""
    write("other.csv", rows(TABLE, 20))
    usual = evaluated("--data other.csv")[0]["nelbo"]
    other = rows({name: TABLE[name] for name in ("c", "kind", "a", "b")} | {"more": np.arange(60)}, 20)
    name = f"turned{suffix}"
    write(name, other) if suffix == ".csv" else pyarrow.parquet.write_table(pyarrow.table(other), name)
    found, said = evaluated(f"--data {name}")
    assert found["nelbo"]["total"] == usual["total"] and found["columns"] == ["a", "b", "c"]
    assert "left out: kind, more" in said
    x = examples({}, name)
    assert (x[:, 1] != np.round(x[:, 1])).any() and (np.floor(x[:, 1]) == TABLE["b"][:20]).all()


@pytest.mark.parametrize("gone", [["b"], ["a", "c"]])
def test_absent_columns_are_refused_by_name(place, gone):
    write("other.csv", rows({name: values for name, values in TABLE.items() if name not in gone}, 20))
    before = content(place)
    result = ndm(f"evaluate run {SHORT} --data other.csv")
    assert result.code == 2 and result.err.count("\n") == 1 and content(place) == before
    assert all(repr(name) in result.err for name in gone) and "other.csv without" in result.err


def test_what_cannot_be_dequantised_is_named_by_its_row(place):
    other = rows(TABLE, 20)
    other["b"][6] = 2.5
    write("other.csv", other)
    result = ndm(f"evaluate run {SHORT} --data other.csv")
    assert result.code == 2 and "column 'b', row 7: 2.5" in result.err


def test_columns_that_are_given_take_the_places_of_the_runs(place):
    other = rows(TABLE, 20)
    write("other.csv", {"p": other["a"], "b": other["b"], "r": other["c"], "s": other["a"]})
    found, said = evaluated("--data other.csv --data-options columns=[p,b,r]")
    write("named.csv", other)
    assert found["nelbo"]["total"] == evaluated("--data named.csv")[0]["nelbo"]["total"]
    assert "columns p, b, r (in the places of a, b, c; left out: s)" in said
    result = ndm(f"evaluate run {SHORT} --data other.csv --data-options columns=[p,r]")
    assert result.code == 2 and "3 of them, in the places of a, b, c" in result.err


def test_arrays_have_no_names(place):
    other = rows(TABLE, 12)
    np.save("other.npy", np.stack([other[name] for name in ("a", "b", "c")], 1))
    found, said = evaluated("--data other.npy")
    assert found["num_examples"] == 12 and found["columns"] is None
    assert "columns matched by position with a, b, c, continuous" in said
    noisy = subject(open_run(Path("run")), "other.npy", {}, None, None).x[:, 1]
    assert (noisy != np.round(noisy)).all() and (np.floor(noisy) == other["b"]).all()
    np.save("real.npy", RNG.standard_normal((12, 3)))
    result = ndm(f"evaluate run {SHORT} --data real.npy")
    assert result.code == 2 and "expected values at steps of 1" in result.err


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_few_rows_are_enough_and_may_be_alike(place, number):
    """A column of one row never changes; no model could be trained on it."""
    write(
        "few.csv",
        rows(
            {name: values[:1] * 5 if isinstance(values, list) else [values[3]] * 5 for name, values in TABLE.items()},
            number,
        ),
    )
    found = evaluated("--data few.csv")[0]
    assert found["num_examples"] == number and math.isfinite(found["nelbo"]["total"])
    assert ndm("train few.csv --run new --max-steps 1 --data-options label=kind").code == 2
    result = ndm(f"evaluate run {SHORT} --data few.csv --split test")
    assert result.code == 2 and ("never changes" in result.err or "10 or more" in result.err)


def test_values_that_float32_cannot_tell_apart_are_no_reason_to_refuse_them(place):
    write("other.csv", {"a": [4.0, 5.0], "b": [1, 2], "c": [123456.781, 123456.782]})
    assert evaluated("--data other.csv")[0]["num_examples"] == 2
    result = ndm("train other.csv --run new --max-steps 1")
    assert result.code == 2 and "differ by" in result.err


def test_a_split_is_evaluated_where_it_is_named(place):
    write("other.csv", rows(TABLE, 30))
    found, said = evaluated("--data other.csv --split validation")
    assert (found["split"], found["num_examples"]) == ("validation", 3)
    assert "all 3 rows of the validation split of other.csv" in said
    found, said = evaluated("--data other.csv --limit 4")
    assert found["num_examples"] == 4 and found["limit"] == 4 and "the first 4 of 30 rows of other.csv" in said
    result = ndm(f"evaluate run {SHORT} --split half")
    assert result.code == 2 and "one of train, validation, test, all" in result.err


def test_the_runs_own_data_hold_what_it_was_trained_on(place):
    for words in ("--data own.csv", "--split all"):
        found, said = evaluated(words)
        assert found["num_examples"] == 60 and "48 of 60 are the run's own training examples" in said
    assert evaluated("--data own.csv --split test")[0] | {"seconds": 0} == evaluated("")[0] | {"seconds": 0}
    write("other.csv", rows(TABLE, 20))
    assert "training examples" not in evaluated("--data other.csv")[1]


def test_data_with_splits_of_their_own_are_evaluated_whole(empty):
    write_data(empty)
    assert ndm(f"train points.npz --run run --max-steps 1 {TINY_MLP}").code == 0
    found, said = evaluated("--data moons --limit 7")
    assert found["split"] == "all" and "the first 7 of 27000 examples of moons" in said
    moons = data.load("moons")
    whole = moons.whole()
    assert np.array_equal(whole.examples.x[:], np.concatenate([moons.split(name).x for name in SPLITS]))
    result = ndm(f"evaluate run {SHORT} --data moons --limit 7 --transport")
    assert result.code == 2 and "say --split test" in result.err


@pytest.mark.parametrize("divided", [True, False])
def test_images_are_read_as_the_runs_own(empty, divided):
    """Resized, in colour, and in any number: here one, in grey."""
    for i in range(12):
        Path("own").mkdir(exist_ok=True)
        colours = RNG.randint(0, 256, (9, 9, 3) if i else (9, 9)).astype(np.uint8)
        Image.fromarray(colours).save(f"own/{i:02d}.png")
    options = "--data-options size=8 crop=none"
    assert ndm(f"train own --run run --max-steps 1 {TINY_UNET} {options}").code == 0
    for part in ("train", "test") if divided else (".",):
        Path("other", part).mkdir(parents=True, exist_ok=True)
        for i in range(3):
            Image.fromarray(RNG.randint(0, 256, (12, 10)).astype(np.uint8)).save(f"other/{part}/{i}.png")
    found = evaluated("--data other")[0]
    assert found["num_examples"] == (6 if divided else 3) and found["split"] == "all"
    x = subject(open_run(Path("run")), "other", {}, None, None).x
    assert x.shape[1:] == (3, 8, 8) and torch.tensor(np.asarray(x)).float().std() > 1


def test_every_row_is_that_of_the_file_whatever_its_format(empty):
    """`read` gives the order of the file, and `load` splits by a permutation of it."""
    x = RNG.standard_normal((20, 2)).astype(np.float32)
    np.save("x.npy", x)
    np.savez("x.npz", x=x)
    write("x.csv", {"a": x[:, 0], "b": x[:, 1]})
    for name in ("x.npy", "x.npz", "x.csv"):
        assert np.allclose(data.read(name).whole().examples.x, x, rtol=1e-6)
        again = data.load(name)
        order = np.random.RandomState(0).permutation(20)
        assert np.allclose(np.concatenate([again.split(part).x for part in SPLITS]), x[order], rtol=1e-6)


def test_the_configuration_says_how_the_data_are_read(place):
    reading = open_run(Path("run")).config["data"]["reading"]
    assert json.loads(json.dumps(reading)) == {
        "columns": ["a", "b", "c"],
        "dimensions": ["a", "b", "c"],
        "dequantise": {"b": 1.0},
    }


def total(words: str, run: str) -> float:
    return evaluated(words, run)[0]["nelbo"]["total"]


@pytest.mark.parametrize("options", ["dequantise=[k]", "dequantise=[v]", "dequantise=true"])
def test_tables_with_lists_and_arrays_of_the_same_values_have_the_same_bound(empty, options):
    """Noise goes to the dimension that it was found for, under any name, and is the same."""
    rng = np.random.default_rng(0)
    v, k = rng.integers(0, 9, (40, 2)).astype(float), rng.integers(0, 4, 40)
    pyarrow.parquet.write_table(pyarrow.table({"v": list(map(list, v)), "k": k}), "s.parquet")
    write("t.csv", {"p": v[:, 0], "q": v[:, 1], "r": k})
    np.save("s.npy", np.c_[v, k])
    assert ndm(f"train s.parquet --run named --max-steps 2 {TINY_MLP} --data-options {options}").code == 0
    expected = total("--split all", "named")
    assert total("--data s.npy", "named") == pytest.approx(expected, rel=1e-6)
    noise = {"dequantise=[k]": "[2]", "dequantise=[v]": "[0,1]", "dequantise=true": "true"}[options]
    assert ndm(f"train s.npy --run plain --max-steps 2 {TINY_MLP} --data-options dequantise={noise}").code == 0
    expected = total("--split all", "plain")
    for other in ("s.parquet", "t.csv"):
        assert total(f"--data {other}", "plain") == pytest.approx(expected, rel=1e-6)


def test_labels_that_evaluation_does_not_need_are_not_asked_for(place):
    x = RNG.standard_normal((60, 2))
    np.save("x.npy", x)
    assert ndm(f"train x.npy --run points --max-steps 2 {TINY_MLP}").code == 0
    expected = total("--data x.npy", "points")
    for y in (np.r_[np.nan, np.ones(59)], np.ones((60, 2))):
        np.savez("labelled.npz", x=x, y=y)
        assert total("--data labelled.npz", "points") == expected
        refused = ndm(f"train labelled.npz --run new --max-steps 2 {TINY_MLP}")
        assert refused.code == 2 and "labelled.npz" in refused.err and not Path("new").exists()


def test_remarks_on_other_data_are_said(place):
    x = RNG.standard_normal((60, 2))
    np.save("x.npy", x)
    assert ndm(f"train x.npy --run points --max-steps 2 {TINY_MLP}").code == 0
    np.save("counts.npy", np.c_[x[:, 0], RNG.poisson(3, 60)])
    result = ndm(f"evaluate points {SHORT} --data counts.npy")
    assert result.code == 0 and "ndm: note: counts.npy: dimension [1] holds integers" in result.err
    np.save("few.npy", np.ones((3, 2)))
    assert "note" not in ndm(f"evaluate points {SHORT} --data few.npy").err
