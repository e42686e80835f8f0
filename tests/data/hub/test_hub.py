"""Exports of Hugging Face datasets, images and tables, read from disk."""

import datasets
import numpy as np
import pytest
from PIL import Image

from ndm import data
from ndm.base.errors import InputError

X = np.random.RandomState(0).randint(0, 256, (20, 4, 4)).astype(np.uint8)


@pytest.fixture
def export(tmp_path):
    rows = {
        "picture": [Image.fromarray(x) for x in X],
        "kind": [i % 2 for i in range(20)],
        "a": np.random.RandomState(1).standard_normal(20),
    }
    features = datasets.Features(picture=datasets.Image(), kind=datasets.Value("int64"), a=datasets.Value("float64"))
    datasets.DatasetDict(train=datasets.Dataset.from_dict(rows, features)).save_to_disk(str(tmp_path / "export"))
    return str(tmp_path / "export")


def test_images_and_tables(export):
    found = data.load(export, {"image": "picture", "label": "kind"})
    assert found.event_shape == (1, 4, 4) and found.num_classes == 2 and len(found.test) == 2
    every = np.concatenate([found.split(part).x for part in data.dataset.SPLITS])
    assert sorted(x.tobytes() for x in every) == sorted(x.tobytes() for x in X)
    assert data.load(export, {"columns": ["a"], "label": "kind"}).event_shape == (1,)


def test_absent_columns_and_splits_are_named(export):
    with pytest.raises(InputError, match="without a column 'img'; expected one of picture, kind, a"):
        data.load(export, {"image": "img"})
    with pytest.raises(InputError, match="split=test"):
        data.load(export, {"split": "test", "image": "picture"})
    for options, message in (
        ({}, "column 'picture' of images in a table; .*say image=picture"),
        ({"image": "kind"}, "column 'kind' of type int64; expected a column of images"),
        ({"image": "picture", "columns": ["a"]}, "the option columns beside image=COLUMN"),
        ({"columns": ["a"], "size": 4}, "the option size without image=COLUMN"),
    ):
        with pytest.raises(InputError, match=message):
            data.load(export, options)


def test_a_single_data_set_has_no_splits_and_unused_ones_are_noted(tmp_path):
    rows = datasets.Dataset.from_dict({"a": np.random.RandomState(0).standard_normal(20)})
    rows.save_to_disk(str(tmp_path / "single"))
    datasets.DatasetDict(train=rows, test=rows, more=rows).save_to_disk(str(tmp_path / "several"))
    held = {"streaming": True, "validation": 3, "test": 3}
    for options in ({}, held):
        single, several = (data.load(str(tmp_path / name), options) for name in ("single", "several"))
        assert not any("unused" in note for note in single.notes) and "split" not in single.source
        assert "of the splits train alone is used, and divided; unused: test, more" in several.notes
        assert data.load(str(tmp_path / "several"), options | {"split": "more"}).notes[-1].endswith("train, test")
        with pytest.raises(InputError, match=r"split=train of .*single, which has no splits"):
            data.load(str(tmp_path / "single"), options | {"split": "train"})
    assert "split more" in data.load(str(tmp_path / "several"), held | {"split": "more"}).source


def test_what_the_hub_does_not_have(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    for name, message in (
        ("hub:", "hub: without a name; expected hub:OWNER/NAME"),
        ("hub:a/b/c", "^got hub:a/b/c, which is no name; expected hub:OWNER/NAME or hub:OWNER/N"),
        (f"hub:{tmp_path / 'absent'}", "which is no name; .* hub:FOLDER of a folder that exists"),
        ("hub:a/b", "a/b, which cannot be opened .*; check its name and the network"),
    ):
        with pytest.raises(InputError, match=message) as met:
            data.load(name)
        assert "\n" not in str(met.value)


def test_a_folder_of_save_to_disk_has_a_name_without_hub(tmp_path):
    datasets.Dataset.from_dict({"a": [0.5] * 12}).save_to_disk(str(tmp_path / "export"))
    with pytest.raises(InputError, match="a folder of save_to_disk; expected its name alone"):
        data.load(f"hub:{tmp_path / 'export'}")
