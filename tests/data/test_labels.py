"""Class numbers: the same for the same labels in every format, and none for a label that is missing."""

import csv
import datetime
import math
from pathlib import Path

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ndm import data
from ndm.base.errors import InputError
from ndm.data.dataset import SPLITS, DataSet
from ndm.data.labels import MOST_CLASSES, NO_CLASS, classes

NUM = 40
X = np.random.RandomState(0).standard_normal((NUM, 2)).astype(np.float32)
datasets.disable_progress_bars()


def as_csv(folder: Path, labels: list) -> tuple[str, dict]:
    with (folder / "t.csv").open("w", newline="") as file:
        rows = zip(*X.T.tolist(), ["" if label is None else label for label in labels], strict=True)
        csv.writer(file).writerows([("a", "b", "kind"), *rows])
    return str(folder / "t.csv"), {"label": "kind"}


def as_parquet(folder: Path, labels: list) -> tuple[str, dict]:
    pyarrow.parquet.write_table(pyarrow.table({"a": X[:, 0], "b": X[:, 1], "kind": labels}), folder / "t.parquet")
    return str(folder / "t.parquet"), {"label": "kind"}


def as_npz(folder: Path, labels: list) -> tuple[str, dict]:
    kept = (
        [math.nan if label is None else label for label in labels]
        if not isinstance(labels[0], str)
        else ["" if label is None else label for label in labels]
    )
    np.savez(folder / "t.npz", x=X, y=np.array(kept))
    return str(folder / "t.npz"), {}


def as_export(folder: Path, labels: list) -> tuple[str, dict]:
    rows = {"a": X[:, 0], "b": X[:, 1], "kind": labels}
    datasets.Dataset.from_dict(rows).save_to_disk(str(folder / "export"))
    return str(folder / "export"), {"label": "kind"}


def as_stream(folder: Path, labels: list) -> tuple[str, dict]:
    path, options = as_export(folder, labels)
    return path, options | {"streaming": True, "validation": 10, "test": 10}


def as_folder(folder: Path, labels: list) -> tuple[str, dict]:
    for i, label in enumerate(labels):
        place = folder / "images" / ("" if label is None else str(label))
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2), i, np.uint8)).save(place / f"{i}.png")
    return str(folder / "images"), {}


FORMATS = {each.__name__: each for each in (as_csv, as_parquet, as_npz, as_export, as_stream, as_folder)}


def numbered(found: DataSet) -> dict[int, int]:
    """The class number of every example, by the number of the example."""
    x = np.concatenate([np.asarray(found.split(part).x).reshape(-1, found.train.x[0].size) for part in SPLITS])
    y = np.concatenate([found.split(part).y for part in SPLITS]).tolist()
    ids = [int(row[0]) if found.is_image else int(np.abs(X - row).sum(1).argmin()) for row in x]
    return dict(zip(ids, y, strict=True))


LABELS = {
    "whole numbers": ([10, 9, 2, 100], [2, 1, 0, 3]),
    "whole numbers as text": (["10", "9", "2", "100"], [2, 1, 0, 3]),
    "whole numbers as floats": ([10.0, 9.0, 2.0, 100.0], [2, 1, 0, 3]),
    "with gaps and signs": ([7, -3, 40, -20], [2, 1, 3, 0]),
    "halves": ([0.5, 10.0, 1.5, 2.0], [0, 3, 1, 2]),
    "numbers among words": (["b", "10", "9", "a"], [3, 1, 0, 2]),
    "words": (["x10", "x9", "cat", "Dog"], [2, 3, 1, 0]),
    "truth values": ([True, False, True, False], [1, 0, 1, 0]),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", LABELS)
def test_the_same_labels_have_the_same_numbers_in_every_format(tmp_path, form, name):
    labels, numbers = LABELS[name]
    path, options = FORMATS[form](tmp_path, labels * (NUM // 4))
    found = data.load(path, options)
    assert found.num_classes == len(set(numbers))
    assert numbered(found) == {i: numbers[i % 4] for i in range(NUM)}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("labels", [[3, 1, 2], ["3", "1", "cat"]], ids=["numbers", "words"])
def test_a_missing_label_is_refused_with_its_row_or_kept_as_no_class(tmp_path, form, labels):
    with_gaps = [None if i % 10 == 4 else labels[i % 3] for i in range(NUM)]
    path, options = FORMATS[form](tmp_path, with_gaps)
    place = {
        "as_npz": r"t\.npz, y\[4\]: ",
        "as_stream": r"piece \d+, example \d+, column 'kind': ",
        "as_folder": r"4\.png beside",
    }.get(form, r"column 'kind', row 5: ")
    with pytest.raises(InputError, match=place + ".*unlabelled=keep"):
        data.load(path, options)
    found = data.load(path, options | {"unlabelled": "keep"})
    assert found.num_classes == 3 and any("4 of 40 examples have no label" in note for note in found.notes)
    numbers = {label: number for number, label in enumerate(sorted(labels, key=str))}
    assert numbered(found) == {i: NO_CLASS if label is None else numbers[label] for i, label in enumerate(with_gaps)}
    with pytest.raises(InputError, match="unlabelled=drop; expected one of unlabelled=keep"):
        data.load(path, options | {"unlabelled": "drop"})


@pytest.mark.parametrize("form", [as_parquet, as_npz, as_export])
def test_data_without_labels_have_none_to_keep(tmp_path, form):
    path, _ = form(tmp_path, [1, 2] * (NUM // 2))
    if form is as_npz:
        np.savez(path, x=X)
    with pytest.raises(InputError, match="unlabelled=keep of data without labels"):
        data.load(path, {"unlabelled": "keep"})


@pytest.mark.parametrize("streaming", [{}, {"streaming": True, "validation": 10, "test": 10}])
def test_a_class_label_has_its_own_number_of_no_label(tmp_path, streaming):
    features = datasets.Features(a=datasets.Value("float32"), kind=datasets.ClassLabel(names=["z", "y", "x"]))
    rows = {"a": X[:, 0], "kind": [-1 if i == 5 else 1 + i % 2 for i in range(NUM)]}
    datasets.Dataset.from_dict(rows, features).save_to_disk(str(tmp_path / "export"))
    options = {"label": "kind"} | streaming
    with pytest.raises(InputError, match=r"column 'kind'.*: -1, a missing label"):
        data.load(str(tmp_path / "export"), options)
    found = data.load(str(tmp_path / "export"), options | {"unlabelled": "keep"})
    assert found.num_classes == 2


def where(i: int) -> str:
    return f"row {i + 1}"


@pytest.mark.parametrize(
    "labels, row",
    [
        ([1, None, 2], 2),
        (["a", "b", " "], 3),
        (["a", "\t"], 2),
        ([1.0, math.nan], 2),
        ([0, 1, -1], 3),
        (["0", "-1"], 2),
        (["1", "2", "nan"], 3),
        ([2, 1, -1], 3),
        ([-1.0, 3.5, 1.0], 1),
        ([np.datetime64("NaT", "D"), np.datetime64("2024-01-02", "D")], 1),
        ([0.0, -1.0], 2),
    ],
)
def test_what_is_missing(labels, row):
    with pytest.raises(InputError, match=f"^got row {row}: .*, a missing label; expected a label for each example"):
        classes(labels, where)
    y, notes = classes(labels, where, unlabelled="keep")[:2]
    assert y[row - 1] == NO_CLASS and (y == NO_CLASS).sum() == 1 and f"1 of {len(labels)} examples" in notes[0]


@pytest.mark.parametrize(
    "labels", [[-1, 1], ["-1", "1"], [-2, -1], ["-1", "cat"], ["nan", "x"], [datetime.date(2024, 1, 2), "x"]]
)
def test_what_is_not_missing(labels):
    assert sorted(classes(labels, where)[0]) == [0, 1]


def test_what_may_be_a_mistake_is_said():
    assert "'NA' (2 times) counts as a class" in classes(["NA", "a", "NA"], where)[1][0]
    y, (note,) = classes(["1", "01", "2", "1.0"], where)[:2]
    assert len(set(y)) == 4 and "'01' and '1' and '1.0' are the same number, written differently" in note
    assert "20 classes for 20 examples" in classes(range(20), where)[1][0]
    assert classes([2**53, 2**53 + 1], where)[1] == ()
    assert classes(["a", "b"] * 9, where)[1] == ()


def test_what_cannot_be_a_label_is_named():
    with pytest.raises(InputError, match=r"row 2: '\[1\]', a list; expected a number or a word"):
        classes([1, [1]], where)
    with pytest.raises(InputError, match="row 1 and all others without a label"):
        classes([None, None], where, unlabelled="keep")
    with pytest.raises(InputError, match=f"{MOST_CLASSES + 1:,} different labels"):
        classes(range(MOST_CLASSES + 1), where)


@given(st.lists(st.integers(-(10**20), 10**20), min_size=1))
def test_whole_numbers_are_in_their_order_however_they_are_written(labels):
    order = sorted(set(labels))
    missing = {-1} if order[0] == -1 and order not in ([-1], [-1, 1]) else set()
    wanted = [
        NO_CLASS if label in missing else [each for each in order if each not in missing].index(label)
        for label in labels
    ]
    for written in (labels, list(map(str, labels))):
        assert classes(written, where, unlabelled="keep")[0].tolist() == wanted


@given(st.lists(st.one_of(st.text(max_size=4), st.none(), st.floats(), st.integers(), st.booleans()), min_size=1))
def test_any_labels_are_classes_from_0_on_or_refused_in_one_line(labels):
    try:
        y = classes(labels, where, unlabelled="keep").numbers
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert set(y.tolist()) - {NO_CLASS} == set(range(y.max() + 1))
    for label, number in zip(labels, y, strict=True):
        if label is None or (isinstance(label, str) and not label.strip()):
            assert number == NO_CLASS
