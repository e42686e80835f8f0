"""Validation at the door, and the fingerprint."""

import numpy as np
import pytest

from ndm.base.errors import InputError
from ndm.data import dataset
from ndm.data.dataset import DataSet, Split


def make(x, y=None, num_levels=None, num_classes=0) -> DataSet:
    same = [Split(x, y)] * 3
    return DataSet("data", *same, num_levels=num_levels, num_classes=num_classes, source="test")


REAL = np.zeros((4, 2), np.float32)
IMAGES = np.zeros((4, 1, 2, 2), np.uint8)
CLASSES = np.arange(4)


def with_value(x: np.ndarray, value: float) -> np.ndarray:
    x = x.copy()
    x[1, 0] = value
    return x


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((with_value(REAL, np.nan),), r"1 value NaN or infinite, the first at x\[1, 0\]"),
        ((with_value(REAL, -np.inf),), "1 value NaN or infinite"),
        ((REAL[:0],), "holds nothing"),
        ((REAL[:, :0],), "holds nothing"),
        ((REAL[:, 0],), r"shape \(4,\)"),
        ((REAL.astype(np.float64),), "type float64; expected real values of type float32; convert"),
        ((REAL.astype(np.int64),), "type int64; expected real values of type float32; convert"),
        ((IMAGES,), "type uint8; expected real values"),
        ((IMAGES.astype(np.int32), None, 17), "type int32; expected images of type uint8; convert"),
        ((IMAGES[:, 0], None, 17), r"expected images \(N, C, H, W\)"),
        ((with_value(IMAGES, 17), None, 17), r"4 values above 16, the first at x\[1, 0, 0, 0\]"),
        ((IMAGES, None, 257), "257 levels"),
        ((REAL.tolist(),), "list; expected a numpy array"),
        ((REAL, CLASSES[:3], None, 4), r"one integer for each example, \(4,\)"),
        ((REAL, CLASSES.astype(float), None, 4), "labels of type float64"),
        ((REAL, CLASSES, None, 3), r"label y\[3\] = 3; expected 0\.\.2, or -1 for no class"),
        ((REAL, CLASSES - 2, None, 4), r"label y\[0\] = -2"),
        ((REAL, CLASSES), "no labels, as num_classes is 0"),
        ((REAL, None, None, 4), "without labels"),
    ],
)
def test_refuses_in_one_clear_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        make(*arguments)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("got data train")


def test_refuses_splits_of_different_event_shapes():
    narrow = Split(REAL[:, :1])
    with pytest.raises(InputError, match=r"data test of event shape \(1,\); expected train's \(2,\)"):
        DataSet("data", Split(REAL), Split(REAL), narrow, num_levels=None, num_classes=0, source="test")


def test_accepts_the_largest_level_and_knows_images():
    assert make(with_value(IMAGES, 255), num_levels=256).is_image
    assert not make(REAL, CLASSES, num_classes=4).is_image


def test_an_unknown_split_lists_the_known():
    with pytest.raises(InputError, match="split 'valid'; expected one of train, validation, test"):
        make(REAL).split("valid")


def test_the_fingerprint_sees_values_labels_shapes_and_the_split():
    first, second = Split(REAL[:3]), Split(REAL[3:])
    different = [
        make(REAL),
        make(with_value(REAL, 1)),
        make(REAL.reshape(4, 1, 2)),
        make(IMAGES, num_levels=2),
        make(REAL, CLASSES, num_classes=4),
        make(REAL, CLASSES[::-1], num_classes=4),
        DataSet("data", first, second, second, num_levels=None, num_classes=0, source="test"),
        DataSet("data", second, first, second, num_levels=None, num_classes=0, source="test"),
    ]
    assert len({data.fingerprint() for data in different}) == len(different)
    # Memory layout and the width of labels are not part of the data.
    assert make(np.asfortranarray(REAL)).fingerprint() == make(REAL).fingerprint()
    assert make(REAL, CLASSES.astype(np.uint8), None, 4).fingerprint() == different[4].fingerprint()


def test_the_fingerprint_is_taken_once(monkeypatch):
    """It is a pass over all of the data, and a command may ask for it twice."""
    passes, stamps = [], dataset.stamps_of_values
    monkeypatch.setattr(dataset, "stamps_of_values", lambda x: passes.append(1) or stamps(x))
    data = make(REAL)
    assert data.fingerprint() == data.fingerprint() == make(REAL.copy()).fingerprint()
    assert len(passes) == 2 * 3
