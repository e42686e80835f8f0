"""Folders of images, tables and files larger than memory: what is read, by which policy, and what is refused."""

import csv

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ndm import data
from ndm.base.errors import InputError
from ndm.data import lazy
from ndm.data.formats import arrays, npz
from ndm.data.formats.images import Policy

RNG = np.random.RandomState(0)
COLOURS = RNG.randint(0, 256, (20, 6, 8, 3)).astype(np.uint8)


@pytest.fixture
def pictures(tmp_path):
    for i, x in enumerate(COLOURS):
        (tmp_path / "pictures" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(tmp_path / "pictures" / "ab"[i % 2] / f"{i:02d}.{('png', 'bmp', 'tiff')[i % 3]}")
    return tmp_path / "pictures"


def every(found, what="x"):
    return np.concatenate([np.asarray(getattr(found.split(part), what)) for part in data.dataset.SPLITS])


def test_a_folder_with_classes(pictures):
    (pictures / ".DS_Store").write_text("hidden")
    found = data.load(str(pictures))
    assert found.event_shape == (3, 6, 8) and found.num_classes == 2 and len(found.test) == 2
    wanted = {(image.transpose(2, 0, 1).tobytes(), i % 2) for i, image in enumerate(COLOURS)}
    assert {(x.tobytes(), y) for x, y in zip(every(found), every(found, "y").tolist(), strict=True)} == wanted


def test_sizes_crops_and_modes(pictures):
    assert data.load(str(pictures), {"size": 4}).event_shape == (3, 4, 4)
    assert data.load(str(pictures), {"size": [3, 5], "mode": "grey"}).event_shape == (1, 3, 5)
    image = Image.fromarray(np.repeat(np.uint8([[0, 255, 255, 0]]), 2, axis=0))
    assert (Policy(2, 2, "grey", "center")(image) == 255).all()  # the middle
    assert (Policy(2, 2, "grey", "none")(image) < 255).any()  # all of it
    different = ({"size": 4}, {"size": 5}, {"mode": "grey"}, {"size": 4, "crop": "none"})
    prints = {data.load(str(pictures), options).fingerprint() for options in different}
    assert len(prints) == 4
    for options, message in (
        ({"crop": "none"}, "without a size"),
        ({"size": 0}, "size=0"),
        ({"mode": "cmyk"}, "mode=grey"),
        ({"size": 4, "crop": "left"}, "crop=center"),
    ):
        with pytest.raises(InputError, match=message):
            data.load(str(pictures), options)


def test_mixed_sizes_corrupted_images_and_strangers_are_named(pictures):
    Image.fromarray(COLOURS[0][:5]).save(pictures / "b" / "99.png")
    with pytest.raises(InputError, match=r"mixed sizes: .*00.png of 8x6 pixels and .*99.png of 8x5"):
        data.load(str(pictures))
    whole = (pictures / "a" / "00.png").read_bytes()
    (pictures / "b" / "99.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"99.png, which cannot be decoded"):
        data.load(str(pictures))
    (pictures / "b" / "99.png").write_text("notes")
    with pytest.raises(InputError, match=r"99.png, which cannot be decoded"):
        data.load(str(pictures))
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(pictures / "b" / "99.png")
    with pytest.raises(InputError, match=r"99.png of mode I;16"):
        data.load(str(pictures))


def test_links_are_followed_and_those_that_cannot_be_are_named(pictures):
    linked = pictures.parent / "linked"
    linked.mkdir()
    (linked / "a").symlink_to(pictures / "a")
    (linked / "b").mkdir()
    for each in (pictures / "b").iterdir():
        (linked / "b" / each.name).symlink_to(each)
    assert data.load(str(linked)).fingerprint() == data.load(str(pictures)).fingerprint()
    (linked / "b").rename(linked.parent / "b")
    (linked / "b").symlink_to(linked.parent / "b")  # nothing but links
    assert data.load(str(linked)).fingerprint() == data.load(str(pictures)).fingerprint()
    for target, message in (
        ("nowhere", "dead.png, a link to nothing"),
        ("dead.png", "dead.png, a link to nothing"),
        ("..", "dead.png, a link to a folder that it lies in"),
    ):
        (pictures / "b" / "dead.png").symlink_to(target)
        with pytest.raises(InputError, match=message):
            data.load(str(pictures))
        (pictures / "b" / "dead.png").unlink()


def test_an_empty_folder_and_a_stranger_are_said_in_plain_words(pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty, which holds no images"):
        data.load(str(tmp_path / "empty"))
    (pictures / "b" / "99.png").write_text("notes")
    with pytest.raises(InputError, match="cannot identify image file\\)"):
        data.load(str(pictures))


def test_lazily_decoded_images_are_the_same(pictures, monkeypatch):
    now = data.load(str(pictures))
    monkeypatch.setattr("ndm.data.lazy.IN_MEMORY", 0)
    later = data.load(str(pictures))
    assert isinstance(later.train.x, lazy.Lazy) and (every(now) == every(later)).all()
    later_print = later.fingerprint()
    assert later_print == data.load(str(pictures)).fingerprint()
    (pictures / "a" / "00.png").write_bytes((pictures / "a" / "06.png").read_bytes())
    assert data.load(str(pictures)).fingerprint() != later_print


# Larger than memory


def test_a_mapped_file_is_not_read_whole(tmp_path, monkeypatch):
    x = RNG.standard_normal((50, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    whole = data.load(str(tmp_path / "x.npy"))
    monkeypatch.setattr(arrays, "IN_MEMORY", 0)
    monkeypatch.setattr(lazy, "CHUNK", 60)
    taken, take = [], lazy.Joined.take
    monkeypatch.setattr(lazy.Joined, "take", lambda self, at: taken.append(len(at)) or take(self, at))
    mapped = data.load(str(tmp_path / "x.npy"))
    assert isinstance(mapped.train.x, lazy.Joined) and mapped.fingerprint() == whole.fingerprint()
    mean, std = lazy.moments(mapped.train.x)
    assert np.allclose(mean, whole.train.x.mean(0), atol=1e-6) and np.allclose(std, whole.train.x.std(0), atol=1e-6)
    assert taken and max(taken) <= 5
    assert (mapped.train.x[3:7] == whole.train.x[3:7]).all() and (mapped.train.x[-1] == whole.train.x[-1]).all()
    x[20, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(InputError, match=r"1 value NaN or infinite, the first at x\[20, 1\]"):
        data.load(str(tmp_path / "x.npy"))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dtype=st.sampled_from(["u1", "<f4", ">f8"]),
    shape=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    order=st.sampled_from("CF"),
    key=st.sampled_from(["x", "a longer name"]),
    compressed=st.booleans(),
)
def test_an_array_of_an_archive_is_mapped_where_it_was_stored_as_it_is(tmp_path, dtype, shape, order, key, compressed):
    x = np.asarray(RNG.randint(0, 200, shape), dtype, order=order)
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "x.npz", other=np.ones(3), **{key: x})
    found = npz.array_of(tmp_path / "x.npz", key, 0)
    assert found.dtype == x.dtype and np.array_equal(found, x)
    assert isinstance(found, np.memmap) is (not compressed)
    assert not isinstance(npz.array_of(tmp_path / "x.npz", key, 10**6), np.memmap)
    with pytest.raises(KeyError):
        npz.array_of(tmp_path / "x.npz", "absent", 0)


def test_a_mapped_archive_is_the_archive(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", x=RNG.standard_normal((50, 3)).astype(np.float32), y=np.arange(50) % 4)
    whole = data.load(str(tmp_path / "x.npz"))
    monkeypatch.setattr(arrays, "IN_MEMORY", 0)
    mapped = data.load(str(tmp_path / "x.npz"))
    assert isinstance(mapped.train.x, lazy.Joined) and mapped.fingerprint() == whole.fingerprint()
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content[:-30])
    with pytest.raises(InputError, match=r"x.npz, which cannot be read"):
        data.load(str(tmp_path / "x.npz"))


# Tables


COLUMNS = {"a": RNG.standard_normal(30), "b": RNG.randint(0, 9, 30), "c": RNG.standard_normal(30)}


def table(tmp_path, suffix, columns=COLUMNS):
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_labels_and_noise(tmp_path, suffix):
    path = table(tmp_path, suffix)
    found = data.load(path, {"columns": ["c", "a"], "label": "b"})
    assert found.event_shape == (2,) and found.num_classes == len(set(COLUMNS["b"])) and not found.notes
    assert sorted(every(found)[:, 1]) == sorted(COLUMNS["a"].astype(np.float32))
    flagged = data.load(path)
    assert len(flagged.notes) == 1 and "column b holds integers" in flagged.notes[0]
    noisy = data.load(path, {"dequantise": True})
    assert not noisy.notes and noisy.fingerprint() == data.load(path, {"dequantise": ["b"]}).fingerprint()
    added = every(noisy)[:, 1] - every(flagged)[:, 1]
    assert (added >= 0).all() and (added <= 1).all() and len(set(added)) == 30


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_a_table_may_not_hold(tmp_path, suffix):
    broken = COLUMNS["a"].copy()
    broken[4] = np.nan
    for columns, message in (
        ({"a": broken, "b": COLUMNS["c"]}, "column 'a', row 5: nan"),
        ({"a": COLUMNS["a"], "b": np.ones(30)}, "column 'b', which never changes"),
        ({"a": COLUMNS["a"], "b": ["x"] * 30}, "column 'b', row 1: 'x'.*label=NAME"),
    ):
        with pytest.raises(InputError, match=message):
            data.load(table(tmp_path, suffix, columns))
    twice = data.load(table(tmp_path, suffix, {"a": COLUMNS["a"], "b": COLUMNS["a"]}))
    assert twice.notes == ("columns a and b are the same",)
    with pytest.raises(InputError, match="without a column 'z'"):
        data.load(table(tmp_path, suffix), {"columns": ["z"]})
    with pytest.raises(InputError, match=r"dequantise=\['a'\]"):
        data.load(table(tmp_path, suffix), {"dequantise": ["a"]})


def test_tables_without_rows_of_other_separators_or_of_equal_names(tmp_path):
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": pyarrow.array([], pyarrow.float64())}), path)
    with pytest.raises(InputError, match=r"t.parquet without rows; expected one for each example"):
        data.load(str(path))
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array([1.0, 2.0])] * 2, names=["a", "a"]), path)
    with pytest.raises(InputError, match=r"t.parquet with several columns 'a'; expected different names"):
        data.load(str(path))
    for mark in (";", "\t"):
        (tmp_path / "t.csv").write_text(f"a{mark}b\n" + f"1,5{mark}2\n" * 20)
        with pytest.raises(InputError, match=r"comma-separated values with a line of names; separate values by ','"):
            data.load(str(tmp_path / "t.csv"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([".csv", ".parquet"]))
def test_any_bytes_are_a_table_or_refused_in_one_line(tmp_path, content, suffix):
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        data.load(str(path))
    assert "\n" not in str(caught.value)
