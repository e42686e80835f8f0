"""Conditions: from labels and columns of files, tables and streams into splits and batches."""

import csv
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from ndm import data
from ndm.base.errors import InputError
from ndm.data.batches import Batches, batches_of
from ndm.data.dataset import SPLITS, DataSet, Split
from ndm.data.labels import NO_CLASS, classes

NUM = 60
ROWS = np.random.RandomState(0).standard_normal((NUM, 4)).astype(np.float32)
KINDS = ["wren", "ant", "owl"]
SPLITS_OF = {"x": ("a", "b"), "age,sex": ("age", "sex")}
datasets.disable_progress_bars()


def table(path: Path, **changes: list) -> str:
    """a, b, age, sex: real values; kind: words; label: numbers of classes."""
    columns: dict[str, list] = dict(zip(("a", "b", "age", "sex"), ROWS.T.tolist(), strict=True))
    columns |= {"kind": [KINDS[i % 3] for i in range(NUM)], "label": [7 + i % 2 for i in range(NUM)]} | changes
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([tuple(columns), *zip(*columns.values(), strict=True)])
    return str(path)


def rows_of(split: Split) -> list[int]:
    """Which rows of the table the examples of a split are, by column a."""
    return [int(np.flatnonzero(np.isclose(ROWS[:, 0], x[0]))[0]) for x in np.asarray(split.x)]


def test_columns_of_a_condition_leave_the_example(tmp_path) -> None:
    found = data.load(table(tmp_path / "t.csv"), {"columns": ["a", "b"]}, ("age", "sex"))
    assert found.condition == ("age", "sex") and found.columns == ("a", "b") and found.num_classes == 0
    for part in SPLITS:
        split = found.split(part)
        assert split.cond.dtype == np.float32 and split.cond.shape == (len(split), 2) and split.y is None
        assert np.allclose(split.cond, ROWS[rows_of(split)][:, 2:])


def test_without_columns_all_but_those_of_the_condition_are_the_example(tmp_path) -> None:
    path = table(tmp_path / "t.csv", kind=[str(i / 7) for i in range(NUM)], label=[i / 9 for i in range(NUM)])
    assert data.load(path, {}, ("sex", "age")).columns == ("a", "b", "kind", "label")
    one, other = (data.load(path, {}, condition).train.cond for condition in (("sex", "age"), ("age", "sex")))
    assert np.allclose(one, other[:, ::-1])


@pytest.mark.parametrize(
    "options, condition, names",
    [
        ({}, ("label",), ("7", "8")),
        ({"label": "kind"}, ("label",), ("ant", "owl", "wren")),
        ({}, ("kind",), ("ant", "owl", "wren")),
        ({"label": "kind"}, ("kind",), ("ant", "owl", "wren")),
    ],
)
def test_a_class_is_told_by_number_and_has_its_name(tmp_path, options, condition, names) -> None:
    found = data.load(table(tmp_path / "t.csv"), {"columns": ["a", "b"]} | options, condition)
    assert found.condition == condition and found.classes == names and found.num_classes == len(names)
    for part in SPLITS:
        split = found.split(part)
        assert split.cond.dtype == np.int64 and (split.cond == split.y).all()
        column = [(str(7 + i % 2), KINDS[i % 3])["ant" in names] for i in rows_of(split)]
        assert [names[number] for number in split.cond] == column


def test_rows_without_a_label_are_kept_without_a_class(tmp_path) -> None:
    path = table(tmp_path / "t.csv", kind=["" if i % 5 == 0 else KINDS[i % 3] for i in range(NUM)])
    with pytest.raises(InputError, match=r"column 'kind', row 1: '', a missing label.*unlabelled=keep"):
        data.load(path, {"columns": ["a", "b"]}, ("kind",))
    found = data.load(path, {"columns": ["a", "b"], "unlabelled": "keep"}, ("kind",))
    for part in SPLITS:
        without = np.array([i % 5 == 0 for i in rows_of(found.split(part))])
        assert ((found.split(part).cond == NO_CLASS) == without).all()
    assert "12 of 60 examples have no label" in found.notes


WRONG = {
    "absent": ({}, {}, "height", r"t\.csv without the column 'height'"),
    "a word": ({4: "x"}, {}, "age", r"t\.csv, column 'age', row 5: 'x'; expected a number"),
    "missing": ({4: ""}, {}, "age,sex", r"t\.csv, column 'age', row 5: ''; expected a number"),
    "NaN": ({4: "nan"}, {}, "age,sex", r"t\.csv, column 'age', row 5: nan; expected a finite number"),
    "constant": (dict.fromkeys(range(NUM), 4), {}, "age,sex", r"column 'age', which never changes.*tells .* nothing"),
    "words beside": ({}, {}, "age,kind", r"column 'kind', row 1: 'wren'; expected a number"),
    "class beside": ({}, {"label": "kind"}, "age", r"the condition age beside label=kind.*say --condition label"),
    "twice": ({}, {"columns": ["a", "age"]}, "age", r"the column 'age' .* in columns=.* and in --condition"),
    "class twice": ({}, {"columns": ["a", "label"]}, "label", r"the column 'label' .* in columns=.* --condition"),
    "too near": ({i: 1e9 + i / 1e4 for i in range(NUM)}, {}, "age", r"column 'age': values around 1e.09"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_condition_that_cannot_be_is_refused(tmp_path, name) -> None:
    changes, options, condition, match = WRONG[name]
    age = [changes.get(i, i / 7) for i in range(NUM)]
    with pytest.raises(InputError, match=match):
        data.load(table(tmp_path / "t.csv", age=age), {"columns": ["a"]} | options, condition.split(","))


def test_data_without_labels_or_columns_say_so(tmp_path) -> None:
    np.savez(tmp_path / "x.npz", x=ROWS)
    with pytest.raises(InputError, match=r"no labels in x\.npz; expected a class for each example"):
        data.load(str(tmp_path / "x.npz"), {}, ("label",))
    with pytest.raises(InputError, match=r"the condition age of digits; expected label, .* or columns of a table"):
        data.load("digits", {}, ("age",))
    with pytest.raises(InputError, match="no labels in cities"):
        data.load("cities", {}, ("label",))
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "\n".join(f"{i},{i / 3}" for i in range(NUM)))
    with pytest.raises(InputError, match=r"no labels in .*expected a column called label, or label=NAME"):
        data.load(str(path), {}, ("label",))
    with pytest.raises(InputError, match=r"the option condition for .*; expected one of columns"):
        data.load(str(path), {"condition": ["a"]})


@pytest.mark.parametrize("name", ["digits", "moons"])
def test_a_data_set_by_name_tells_its_labels_and_nothing_else_changes(name) -> None:
    plain, told = data.load(name), data.load(name, {}, ("label",))
    assert plain.condition == () and plain.train.cond is None
    assert told.classes == tuple(map(str, range(told.num_classes))) and (told.train.cond == plain.train.y).all()
    assert (np.asarray(told.test.x) == np.asarray(plain.test.x)).all()
    assert told.fingerprint() != plain.fingerprint() == data.load(name).fingerprint()


def test_the_fingerprint_knows_names_of_classes_and_values(tmp_path) -> None:
    prints = [
        data.load(table(tmp_path / "t.csv", **changes), {"columns": ["a", "b"]}, condition).fingerprint()
        for changes, condition in [
            ({}, ("kind",)),
            ({"kind": [["wren", "ant", "emu"][i % 3] for i in range(NUM)]}, ("kind",)),
            ({}, ("age",)),
            ({"age": [i / 7 for i in range(NUM)]}, ("age",)),
            ({}, ("age", "sex")),
        ]
    ]
    assert len(set(prints)) == len(prints)


def test_folders_are_classes_by_name(tmp_path) -> None:
    for k, kind in enumerate(KINDS):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(np.full((4, 4), 10 * k + i, np.uint8)).save(tmp_path / "pictures" / kind / f"{i}.png")
    found = data.load(str(tmp_path / "pictures"), {}, ("label",))
    assert found.classes == ("ant", "owl", "wren")
    assert [found.classes[n] for n in found.train.cond] == [KINDS[int(x.mean()) // 10] for x in found.train.x]


@pytest.mark.parametrize("cond", [np.arange(40) % 3, np.random.RandomState(0).randn(40, 2).astype(np.float32)])
def test_batches_carry_conditions_in_the_order_of_examples(cond) -> None:
    """Conditions go with their rows, for any slice of a batch and at any step."""
    x = np.arange(40, dtype=np.float32)[:, None]
    split = Split(x, cond=cond)
    batches = Batches(split, 6, seed=3)
    for step in range(15):
        batch = batches[step]
        assert (batch.cond == cond[batch.x[:, 0].astype(int)]).all()
        shares = [Batches(split, 6, seed=3).rows(step, first, last) for first, last in ((0, 2), (2, 6))]
        assert (np.concatenate([share.cond for share in shares]) == batch.cond).all()
        assert (batch.x == Batches(Split(x), 6, seed=3)[step].x).all()  # the order is the same without
    assert Batches(Split(x), 6, seed=3)[0].cond is None


def test_conditions_of_another_type_or_length_are_refused() -> None:
    x = np.zeros((3, 2), np.float32) + np.arange(3, dtype=np.float32)[:, None]

    def made(cond: np.ndarray | None, condition: tuple[str, ...]) -> DataSet:
        parts = [Split(x, cond=cond)] * 3
        return DataSet("here", *parts, num_levels=None, num_classes=0, source="here", condition=condition)

    made(np.zeros((3, 2), np.float32), ("a", "b"))
    for cond in (np.zeros((3, 2)), np.zeros((2, 2), np.float32), np.full((3, 2), np.nan, np.float32), np.zeros(3, int)):
        with pytest.raises(InputError, match="a condition of type"):
            made(cond, ("a", "b"))
    for cond, condition in ((None, ("a",)), (np.zeros((3, 1), np.float32), ())):
        with pytest.raises(InputError, match="expected both or none"):
            made(cond, condition)


def test_further_labels_are_numbered_like_the_first() -> None:
    labels = classes(["b", "a", None, "b"], str, unlabelled="keep")
    assert labels.names == ("a", "b")
    assert labels.of(["a", None, "b", "  "], str).tolist() == [0, NO_CLASS, 1, NO_CLASS]
    with pytest.raises(InputError, match="1: the label 'c'; expected one of a, b"):
        labels.of(["a", "c"], str)
    with pytest.raises(InputError, match="0: the label None"):
        classes(["a", "b"], str).of([None], str)
    assert classes([0, 1, 0], str, names=["no", "yes", "perhaps"]).names == ("no", "yes")


# Streams, and tables of the hub


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> str:
    """The table as an export of datasets: kind is a ClassLabel."""
    folder = tmp_path_factory.mktemp("conditions") / "export"
    values = dict(zip(("a", "b", "age", "sex"), ROWS.T.tolist(), strict=True))
    features = dict.fromkeys(values, datasets.Value("float32")) | {"kind": datasets.ClassLabel(names=KINDS)}
    rows = values | {"kind": [i % 3 for i in range(NUM)]}
    datasets.Dataset.from_dict(rows, datasets.Features(features)).save_to_disk(str(folder))
    return str(folder)


STREAMED = {"streaming": True, "validation": 6, "test": 6, "lanes": 2, "buffer": 8}


@pytest.mark.parametrize("how", [{}, STREAMED], ids=["whole", "streamed"])
def test_a_class_label_has_its_name(export, how) -> None:
    for condition, options in ((("kind",), {}), (("label",), {"label": "kind"})):
        found = data.load(export, {"columns": ["a", "b"]} | options | how, condition)
        assert found.condition == condition and found.classes == tuple(KINDS)
        for part in SPLITS:
            assert [KINDS[n] for n in found.split(part).cond] == [KINDS[i % 3] for i in rows_of(found.split(part))]


@pytest.mark.parametrize("condition", [("kind",), ("age", "sex")])
def test_streams_carry_conditions_and_go_on_where_they_were(export, condition) -> None:
    found = data.load(export, {"columns": ["a", "b"]} | STREAMED, condition)
    batches = batches_of(found.train, 8, seed=0)
    for step in range(14):  # over an epoch
        batch = batches[step]
        rows = rows_of(Split(batch.x))
        expected = np.array(rows) % 3 if condition == ("kind",) else ROWS[rows][:, 2:]
        assert np.allclose(batch.cond, expected)
    resumed = batches_of(found.train, 8, seed=0)
    resumed.load(batches.state())
    assert (resumed[13].cond == batches[13].cond).all() and (resumed[13].x == batches[13].x).all()
    assert len(batches.shown(13).cond) == len(batches.shown(13).x)


def test_a_stream_without_the_column_says_so(export) -> None:
    with pytest.raises(InputError, match="without a column 'height'"):
        data.load(export, {"columns": ["a"]} | STREAMED, ("height",))
    with pytest.raises(InputError, match="no labels in"):
        data.load(export, {"columns": ["a"]} | STREAMED, ("label",))
