"""Folders: what is no folder of images, and what of one is not read or could be meant otherwise."""

import os

import numpy as np
import pytest
from encoded_images import encoded

from ndm import data
from ndm.base.errors import InputError
from ndm.data.formats import folder
from ndm.data.formats.stores import Walk

X = np.random.RandomState(0).randint(0, 256, (20, 4, 4)).astype(np.uint8)


def write(root, *places: str) -> str:
    """Different images, in turn in each of these folders."""
    for i, x in enumerate(X):
        (root / places[i % len(places)]).mkdir(parents=True, exist_ok=True)
        (root / places[i % len(places)] / f"{i:02d}.png").write_bytes(encoded(x, "PNG"))
    return str(root)


def test_a_folder_that_is_something_else_is_refused_after_a_short_look(tmp_path, monkeypatch):
    """However large it is, and whatever links it holds: nobody is told to remove one."""
    for i in range(30):
        (tmp_path / "disk" / f"{i:02d}").mkdir(parents=True)
        (tmp_path / "disk" / f"{i:02d}" / "program").write_text("")
    (tmp_path / "disk" / "00" / "X11").symlink_to(".")
    (tmp_path / "disk" / "01" / "dead").symlink_to("nowhere")
    seen, below = [], Walk.__iter__
    monkeypatch.setattr(Walk, "__iter__", lambda self: (seen.append(each) or each for each in below(self)))
    monkeypatch.setattr(folder, "_MOST_WITHOUT", 20)
    with pytest.raises(
        InputError,
        match=r"disk, which is no folder of images \(its first 9 files and 11 folders, as "
        r".*00/program",
    ) as met:
        data.load(str(tmp_path / "disk"))
    assert len(seen) == 40 and "remove" not in str(met.value)  # 20 to look, 20 to say what there is
    monkeypatch.setattr(folder, "_MOST_WITHOUT", 1000)
    with pytest.raises(InputError, match=r"which holds no images \(30 files and 31 folders, .*X11, a link to a folder"):
        data.load(str(tmp_path / "disk"))


def test_the_whole_disk_is_no_folder_of_images():
    with pytest.raises(InputError) as met:
        data.load("/")
    assert "remove" not in str(met.value) and "\n" not in str(met.value)


def test_images_in_few_of_many_folders_are_not_looked_for_without_end(tmp_path, monkeypatch):
    root = write(tmp_path / "home", "a")
    for i in range(40):
        (tmp_path / "home" / f"b{i}").mkdir()
    assert len(data.load(root).train) == 16
    monkeypatch.setattr(folder, "_MOST_WITHOUT", 5)
    monkeypatch.setattr(folder, "_MOST_FOLDERS", 1)
    with pytest.raises(InputError, match="home, which holds 20 images in its first 26 folders"):
        data.load(root)


def test_files_that_are_no_images_are_counted_before_any_image_is_decoded(tmp_path, monkeypatch):
    root = write(tmp_path / "mixed", "a", "b")
    (tmp_path / "mixed" / "a" / "19.png").write_bytes(b"damaged")
    for name in ("labels.csv", "z.txt"):
        (tmp_path / "mixed" / name).write_text("1,2")
    with pytest.raises(InputError, match=r"2 files that are no images beside 21 that are, the first .*labels.csv"):
        data.load(root)
    monkeypatch.setattr(folder, "_MOST_STRANGERS", 1)
    with pytest.raises(InputError, match="2 or more files that are no images"):
        data.load(root)


def test_images_are_known_by_content_where_their_suffix_says_nothing(tmp_path):
    root = write(tmp_path / "any", ".")
    wanted = data.load(root).fingerprint()
    (tmp_path / "any" / "03.png").rename(tmp_path / "any" / "03.PNG")
    (tmp_path / "any" / "04.png").rename(tmp_path / "any" / "04")
    (tmp_path / "any" / "05.png").rename(tmp_path / "any" / "05.part")
    assert data.load(root).fingerprint() == wanted


def test_what_is_not_read_is_mentioned(tmp_path):
    root = write(tmp_path / "some", "a", "b")
    (tmp_path / "some" / ".DS_Store").write_text("of the system")
    (tmp_path / "some" / "._00.png").write_text("of the system")
    (tmp_path / "some" / ".hidden").mkdir()
    (tmp_path / "some" / "a" / ".00.png").write_bytes(encoded(X[0], "PNG"))
    (tmp_path / "some" / "c").mkdir()
    os.mkfifo(tmp_path / "some" / "pipe")
    assert data.load(root).notes == (
        "the sub-folders are 2 classes: a, b",
        f"2 hidden files or folders are not read, as {root}/.hidden",
        f"1 folders are empty, as {root}/c",
        f"1 entries are neither files nor folders, as {root}/pipe",
    )


def test_folders_within_classes_are_no_classes_and_that_is_mentioned(tmp_path):
    notes = data.load(write(tmp_path / "deep", "a/x", "a/y", "b")).notes
    assert any("14 of 20 files lie in folders within these, which are no classes" in note for note in notes)
    one = data.load(write(tmp_path / "one", "all/x", "all/y"))
    assert one.train.y is None and any("20 of 20 files lie in folders within" in note for note in one.notes)


@pytest.mark.parametrize(
    ("places", "named"),
    [
        (["train/a", "train/b", "val/a"], "train"),
        (["train"], "train"),
        (["train", "test", "extra"], "test"),
        (["Validation", "Test"], "Test"),
    ],
)
def test_some_splits_are_neither_all_splits_nor_classes(tmp_path, places, named):
    root = write(tmp_path / "data", *places)
    with pytest.raises(InputError, match=f"expected train and test, with or without validation.*name .*/{named} alone"):
        data.load(root)


def test_splits_are_known_whatever_their_case_and_a_train_may_be_a_class(tmp_path):
    found = data.load(write(tmp_path / "splits", "Train/a", "Train/b", "TEST/a", "TEST/b", "Val/a"))
    assert [len(found.split(part)) for part in data.dataset.SPLITS] == [8, 4, 8] and found.num_classes == 2
    vehicles = data.load(write(tmp_path / "vehicles", "bus", "car", "train"))
    assert vehicles.num_classes == 3 and "the sub-folders are 3 classes: bus, car, train" in vehicles.notes
