"""What every data set promises, found as `ndm data list` finds them."""

import numpy as np
import pytest

from ndm import data
from ndm.data.dataset import SPLITS
from ndm.errors import InputError

# Changing a data set or its split makes every published figure incomparable: these may only ever be added to.
FINGERPRINTS = {
    "8gaussians": "a9e289e423f97c11",
    "checkerboard": "931754f27e1c357f",
    "cities": "3893bb013e2c0bf0",
    "digits": "daa984f730af3db0",
    "moons": "2ef559c4db8769e6",
    "pinwheel": "2e586a83e586867d",
}


def loadable() -> list[str]:
    """The data sets that are here: those whose files the user must supply say so and are left out."""
    found = []
    for name in data.names():
        try:
            data.load(name)
        except InputError:
            assert name not in FINGERPRINTS, f"{name} travels with the package"
        else:
            found.append(name)
    return found


@pytest.fixture(params=loadable())
def name(request) -> str:
    return request.param


def test_the_bundled_data_sets_are_found():
    assert FINGERPRINTS.keys() <= data.names().keys()


def test_has_a_one_line_description():
    for name, description in data.names().items():
        assert 10 < len(description) <= 120 and description.endswith("."), name


def test_arrays(name):
    dataset = data.load(name)
    assert dataset.name == name and dataset.source
    for part in SPLITS:
        split = dataset.split(part)
        assert len(split) == len(split.x) > 0 and split.x.shape[1:] == dataset.event_shape
        assert np.isfinite(split.x).all()
        if dataset.is_image:
            assert split.x.dtype == np.uint8 and split.x.ndim == 4 and split.x.max() < dataset.num_levels
        else:
            assert split.x.dtype == np.float32
        if dataset.num_classes:
            assert set(split.y.tolist()) == set(range(dataset.num_classes))  # every class is in every split
        else:
            assert split.y is None


def test_is_fixed(name):
    assert data.load(name).fingerprint() == data.load(name).fingerprint()
    if name in FINGERPRINTS:
        assert data.load(name).fingerprint() == FINGERPRINTS[name]


def test_log_density_gives_one_finite_number_for_each_example(name):
    dataset = data.load(name)
    if dataset.log_density is not None:
        log_p = dataset.log_density(dataset.test.x)
        assert log_p.shape == (len(dataset.test),) and log_p.dtype == np.float64 and np.isfinite(log_p).all()
        assert dataset.log_density(dataset.test.x[:0]).shape == (0,)


def test_a_new_module_is_all_a_data_set_needs(tmp_path, monkeypatch):
    (tmp_path / "added.py").write_text(
        '"""A data set added by one file."""\n'
        "import numpy as np\n"
        "from ndm.data.dataset import DataSet, Split\n"
        'NAME = "added-1"\n'
        "def load():\n"
        "    part = Split(np.ones((2, 3), np.float32))\n"
        '    return DataSet(NAME, part, part, part, num_levels=None, num_classes=0, source="here")\n'
    )
    monkeypatch.setattr(data, "__path__", [*data.__path__, str(tmp_path)])
    assert data.names()["added-1"] == "A data set added by one file."
    assert data.load("added-1").event_shape == (3,)
