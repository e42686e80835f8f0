"""What the columns of tables hold: decimals and lists are read, all else is named with its column, row and kind."""

import datetime
import decimal

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from ndm import data
from ndm.base.errors import InputError
from ndm.data.batches import batches_of
from ndm.data.formats import tables

RNG = np.random.RandomState(0)
NUM = 30
A = RNG.standard_normal(NUM)
VECTORS = RNG.standard_normal((NUM, 3)).astype(np.float32)
DAY = datetime.datetime(2024, 1, 2)


def table(tmp_path, **columns) -> str:
    pyarrow.parquet.write_table(pyarrow.table({"a": A} | columns), tmp_path / "t.parquet")
    return str(tmp_path / "t.parquet")


def every(found) -> np.ndarray:
    x = np.concatenate([found.split(part).x for part in data.dataset.SPLITS])
    return x[np.argsort(x[:, 0])]


def test_decimals_are_numbers(tmp_path):
    exact = [decimal.Decimal(f"{x:.4f}") for x in VECTORS[:, 0]]
    found = every(data.load(table(tmp_path, b=pyarrow.array(exact, pyarrow.decimal128(20, 4)))))
    assert (found[:, 1] == np.float32([float(x) for x in exact])[np.argsort(A)]).all()


@pytest.mark.parametrize(
    "kind",
    [pyarrow.list_(pyarrow.float32()), pyarrow.list_(pyarrow.float32(), 3), pyarrow.large_list(pyarrow.float64())],
)
def test_lists_of_one_length_are_columns(tmp_path, kind):
    path = table(tmp_path, v=pyarrow.array(VECTORS.tolist(), kind))
    found = data.load(path)
    assert found.event_shape == (4,) and found.columns == ("a", "v[0]", "v[1]", "v[2]")
    assert (every(found)[:, 1:] == VECTORS[np.argsort(A)]).all()
    assert data.load(path, {"columns": ["v"]}).event_shape == (3,)


def test_lists_of_an_export_and_of_a_stream(tmp_path):
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"a": A, "v": VECTORS.tolist()}).save_to_disk(str(tmp_path / "export"))
    whole = data.load(str(tmp_path / "export"))
    held = {"streaming": True, "validation": 5, "test": 5, "lanes": 1, "buffer": 1}
    stream = data.load(str(tmp_path / "export"), held)
    assert whole.columns == stream.columns == ("a", "v[0]", "v[1]", "v[2]") and stream.event_shape == (4,)
    batch = batches_of(stream.train, 20, seed=0)[0].x
    assert (batch == np.c_[A, VECTORS].astype(np.float32)[10:]).all()


def test_the_elements_of_a_list_are_dequantised_together(tmp_path):
    counts = RNG.poisson(4, (NUM, 2))
    path = table(tmp_path, v=counts.tolist())
    assert "columns v[0] and v[1] hold integers" in data.load(path).notes[0]
    assert data.load(path, {"dequantise": ["v"]}).notes == () == data.load(path, {"dequantise": ["v[0]", "v[1]"]}).notes


@pytest.mark.parametrize(
    "values, message",
    [
        (
            [[1.0, 2.0], [1.0], *[[3.0, 4.0]] * 28],
            "column 'b', row 2: a list of 1; expected 2 numbers, as in the first",
        ),
        ([[1.0, 2.0], None, *[[3.0, 4.0]] * 28], "column 'b', row 2: None; expected 2 numbers"),
        ([[1.0, 2.0], [1.0, None], *[[3.0, 4.0]] * 28], "column 'b', row 2, value \\[1\\]: None; expected a number"),
        ([[1.0, float("inf")]] * NUM, "column 'b', row 1, value \\[1\\]: inf; expected a finite number"),
        ([[]] * NUM, "column 'b', row 1: a list of 0; expected some numbers"),
        ([[[1.0], [2.0]]] * NUM, r"column 'b', row 1, value \[0\]: a list, \[1.0\]; expected a number; write each"),
        (
            [{"lat": 1.0, "lon": 2.0}] * NUM,
            "column 'b', row 1: a struct, .*; expected a number; write each of its fields",
        ),
        ([DAY] * NUM, "column 'b', row 1: a date or time, 2024-01-02 .*; expected a number; write it as a number"),
        ([DAY.date()] * NUM, "column 'b', row 1: a date or time, 2024-01-02; expected a number"),
        ([DAY.time()] * NUM, "column 'b', row 1: a date or time"),
        ([datetime.timedelta(days=2)] * NUM, "column 'b', row 1: a date or time"),
        ([b"\0\1"] * NUM, "column 'b', row 1: binary data"),
        (
            [True, False] * 15,
            "column 'b', row 1: a truth value, True; expected a number; write 0 and 1, or .* label=NAME",
        ),
        (pyarrow.array(["x", "y"] * 15).dictionary_encode(), "column 'b', row 1: 'x'; expected a number; .*label=NAME"),
        ([1, None] * 15, "column 'b', row 2: None; expected a number"),
        (pyarrow.nulls(NUM), "column 'b', row 1: None; expected a number"),
    ],
)
def test_what_is_no_number_is_named_with_its_kind_and_what_to_do(tmp_path, values, message):
    with pytest.raises(InputError, match=message) as caught:
        data.load(table(tmp_path, b=values))
    assert "\n" not in str(caught.value) and "t.parquet" in str(caught.value)
    assert data.load(table(tmp_path, b=values), {"columns": ["a"]}).event_shape == (1,)


def test_integers_of_any_width_and_with_nullable_types_are_numbers(tmp_path):
    for kind in (pyarrow.int8(), pyarrow.uint64(), pyarrow.float16()):
        values = pyarrow.array(np.arange(NUM).astype(kind.to_pandas_dtype()), kind)
        assert data.load(table(tmp_path, b=values)).event_shape == (2,)


def test_rows_are_counted_alike_everywhere(tmp_path):
    """From 1, the first example; of an array, its index is shown."""
    values = RNG.standard_normal(NUM)
    values[3] = np.nan
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in zip(A, values, strict=True)))
    datasets.Dataset.from_dict({"a": A, "b": values}).save_to_disk(str(tmp_path / "export"))
    np.save(tmp_path / "x.npy", np.c_[A, values])
    for path, place in (
        (table(tmp_path, b=values), "column 'b', row 4: nan"),
        (str(tmp_path / "t.csv"), "column 'b', row 4: nan"),
        (str(tmp_path / "export"), "column 'b', row 4: nan"),
        (str(tmp_path / "x.npy"), "the first at x[3, 1]"),
    ):
        with pytest.raises(InputError) as caught:
            data.load(path)
        assert place in str(caught.value)
    with pytest.raises(InputError, match=r"piece 1, example 4, column 'b': nan"):
        data.load(str(tmp_path / "export"), {"streaming": True, "validation": 5, "test": 5, "lanes": 1})


def test_empty_lines_are_missing_values_and_not_passed_over(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n\na\n" + "".join(f"{a}\n" for a in A[:10]) + "\n\n")
    assert len(data.load(str(path)).train) == 8
    path.write_text("a\n" + "".join(f"{a}\n" if i != 4 else "\n" for i, a in enumerate(A)))
    with pytest.raises(InputError, match="column 'a', row 5: ''; expected a number"):
        data.load(str(path))
    path.write_text("a,b\n" + "".join(f"{a},{a * a}\n" if i != 4 else "\n" for i, a in enumerate(A)))
    with pytest.raises(InputError, match="row 5 of 0 values; expected 2"):
        data.load(str(path))


def test_what_float32_cannot_tell_apart_is_named_by_its_column(tmp_path):
    far = A + 3e7
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{a},{b!r}\n" for a, b in zip(A, far.tolist(), strict=True)))
    np.save(tmp_path / "x.npy", np.c_[A, far])
    for path, name in (
        (tmp_path / "t.csv", "column 'b'"),
        (table(tmp_path, b=far), "column 'b'"),
        (tmp_path / "x.npy", "x[:, 1]"),
    ):
        with pytest.raises(InputError, match="differences that float32 can tell") as caught:
            data.load(str(path))
        assert name in str(caught.value)
    np.save(tmp_path / "x.npy", np.c_[A, far].astype(np.float32))  # rounded before it came here
    assert "[1]" in data.load(str(tmp_path / "x.npy")).notes[0]


def test_a_folder_of_tables_says_how_they_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many").mkdir()
    for i in range(2):
        pyarrow.parquet.write_table(pyarrow.table({"a": A[i::2]}), tmp_path / "many" / f"part-{i}.parquet")
    with pytest.raises(InputError, match=r"the folder many, .*one of its files, as many/part-0.parquet, or hub:many"):
        data.load("many")
    assert sum(len(data.load("hub:many").split(part)) for part in data.dataset.SPLITS) == NUM
    assert len(data.load("many/part-0.parquet").train) == 13


def test_absent_columns_of_many_are_not_all_listed(tmp_path):
    (tmp_path / "t.csv").write_text(",".join(f"c{i}" for i in range(3000)) + "\n" + ",".join(["1"] * 3000) + "\n")
    with pytest.raises(InputError, match="c19 and 2,980 more") as caught:
        data.load(str(tmp_path / "t.csv"), {"columns": ["z"]})
    assert len(str(caught.value)) < 400 and tables.SUFFIXES == (".csv", ".parquet")


def test_names_that_look_like_numbers_are_quoted(tmp_path):
    (tmp_path / "t.csv").write_text("1.50,3,x\n" + "".join(f"{a},{a * a},{a**3}\n" for a in A))
    assert data.load(str(tmp_path / "t.csv"), {"columns": [3, "1.50"]}).columns == ("3", "1.50")
    with pytest.raises(InputError, match=r"without a column '1.5'; expected one of 1.50, 3, x; .*in quotes"):
        data.load(str(tmp_path / "t.csv"), {"columns": [1.5]})
