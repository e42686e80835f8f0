"""Exports of Hugging Face datasets, images and tables, read from disk."""

import datasets
import numpy as np
import pytest
from PIL import Image

from ndm import data
from ndm.errors import InputError

X = np.random.RandomState(0).randint(0, 256, (20, 4, 4)).astype(np.uint8)


@pytest.fixture
def export(tmp_path):
    rows = {"picture": [Image.fromarray(x) for x in X], "kind": [i % 2 for i in range(20)],
            "a": np.random.RandomState(1).standard_normal(20)}
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
