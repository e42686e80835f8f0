"""What every data set promises, found as `ndm data list` finds them."""

from functools import partial

import numpy as np
import pytest
from tiny_fashion_mnist import load_tiny

from ndm import data
from ndm.base.axes import DATA_SETS
from ndm.data import sets
from ndm.data.dataset import SPLITS
from ndm.data.sets import _imagenet, fashion_mnist_16
from ndm.data.sets._supplied import AbsentFiles

# Changing a data set or its split makes every published figure incomparable: these may only ever be added to.
FINGERPRINTS = {
    "8gaussians": "a9e289e423f97c11",
    "checkerboard": "931754f27e1c357f",
    "cities": "3893bb013e2c0bf0",
    "digits": "daa984f730af3db0",
    "fashion_mnist": "b86a28c2fd6e4cc0",
    "fashion_mnist_16": "d8d1b7242012a3bb",
    "moons": "2ef559c4db8769e6",
    "pinwheel": "2e586a83e586867d",
    "tiny fashion_mnist": "88af694849804a38",
    "tiny fashion_mnist_16": "73b660d71518e758",
}
BUNDLED = {"8gaussians", "checkerboard", "cities", "digits", "moons", "pinwheel"}

# From the files where they are, and on every machine from tiny ones in the official layout.
OPTIONS = {"imagenet32": {"release": "new"}, "imagenet64": {"release": "new"}}
LOADS = {name: partial(data.load, name, OPTIONS.get(name)) for name in data.names()} | {
    "tiny fashion_mnist": load_tiny,
    "tiny fashion_mnist_16": lambda: fashion_mnist_16.smaller(load_tiny()),
}


@pytest.fixture(scope="module", params=LOADS)
def key(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def dataset(key) -> data.DataSet:
    """The data set, loaded once for all tests; skipped where its files are absent, and only there."""
    try:
        return LOADS[key]()
    except AbsentFiles as absent:
        assert key not in BUNDLED, f"{key} travels with the package"
        pytest.skip(str(absent))


def test_the_bundled_data_sets_are_found():
    assert data.names().keys() >= BUNDLED


def test_has_a_one_line_description():
    for name, description in data.names().items():
        assert 10 < len(description) <= 120 and description.endswith("."), name


def test_arrays(key, dataset):
    assert dataset.name == key.removeprefix("tiny ") and dataset.source
    for part in SPLITS:
        split = dataset.split(part)
        assert len(split) == len(split.x) > 0 and split.x.shape[1:] == dataset.event_shape
        assert np.isfinite(split.x).all()
        if dataset.is_image:
            assert split.x.dtype == np.uint8 and split.x.ndim == 4 and split.x.max() < dataset.num_levels
        else:
            assert split.x.dtype == np.float32
        if dataset.num_classes and dataset.num_classes <= 10:
            assert set(split.y.tolist()) == set(range(dataset.num_classes))  # every class is in every split
        else:
            assert split.y is None


def test_is_fixed(key, dataset):
    assert dataset.fingerprint() == LOADS[key]().fingerprint()
    if key in FINGERPRINTS:
        assert dataset.fingerprint() == FINGERPRINTS[key]


def test_log_density_gives_one_finite_number_for_each_example(dataset):
    if dataset.log_density is not None:
        log_p = dataset.log_density(dataset.test.x)
        assert log_p.shape == (len(dataset.test),) and log_p.dtype == np.float64 and np.isfinite(log_p).all()
        assert dataset.log_density(dataset.test.x[:0]).shape == (0,)


def test_a_new_module_is_all_a_data_set_needs(tmp_path, monkeypatch):
    (tmp_path / "added_1.py").write_text(
        '"""A data set added by one file."""\n'
        "import numpy as np\n"
        "from ndm.data.dataset import DataSet, Split\n"
        'NAME = "added_1"\n'
        "def load():\n"
        "    part = Split(np.ones((2, 3), np.float32))\n"
        '    return DataSet(NAME, part, part, part, num_levels=None, num_classes=0, source="here")\n'
    )
    monkeypatch.setattr(sets, "__path__", [*sets.__path__, str(tmp_path)])
    assert data.names()["added_1"] == "A data set added by one file."
    assert data.load("added_1").event_shape == (3,)


@pytest.mark.parametrize("name", sorted(data.names()))
def test_what_is_known_of_files_that_users_supply_is_read_and_not_imported(name):
    """`ndm data list` imports no data set: what it reads of a file is what the module says."""
    module, read = DATA_SETS.find(name), DATA_SETS.constants(name)
    assert read["NAME"] == name
    for constant in ("FOLDERS", "FIRST", "INSTALLED", "ARCHIVES", "MADE_FROM"):
        assert read.get(constant) == getattr(module, constant, None), constant
    if name in BUNDLED:
        assert data.is_here(name)


@pytest.mark.parametrize("size", [32, 64])
def test_imagenet_is_here_where_its_readers_find_it(size):
    read = DATA_SETS.constants(f"imagenet{size}")
    assert read["FOLDERS"] == _imagenet.folder_names(size)
    assert read["FIRST"] == (_imagenet._old_name(size, "train"), *_imagenet._new_names(size, "train"))


def test_made_from_other_data_it_is_here_with_them(tmp_path, monkeypatch):
    monkeypatch.setenv("NDM_DATA", str(tmp_path))
    (tmp_path / "fashion-mnist").mkdir()
    (tmp_path / "fashion-mnist" / "train-images-idx3-ubyte.gz").touch()
    assert data.is_here("fashion_mnist") and data.is_here("fashion_mnist_16")
