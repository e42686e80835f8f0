"""Fashion-MNIST from tiny files in the official layout: where it is found, how it is split and what is refused."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from tiny_fashion_mnist import NUM_TEST, NUM_TRAINING, arrays, idx, load_tiny, save

from ndm import data
from ndm.base.errors import InputError
from ndm.data.dataset import SPLITS
from ndm.data.sets import fashion_mnist, fashion_mnist_16
from ndm.data.sets._supplied import AbsentFiles, folders
from ndm.recipes import recipe

CONTENTS = {name: idx(array) for name, array in arrays().items()}
SIZES = [NUM_TRAINING * 11 // 12, NUM_TRAINING // 12, NUM_TEST]


def refused(folder, checksums) -> InputError:
    """The error of reading the folder, in one line; not that of absent files."""
    with pytest.raises(InputError) as caught:
        fashion_mnist.read([folder], checksums)
    assert "\n" not in str(caught.value) and not isinstance(caught.value, AbsentFiles)
    return caught.value


def test_the_files_are_the_official_four():
    assert fashion_mnist.CHECKSUMS.keys() == CONTENTS.keys()
    assert all(len(md5) == 32 for md5 in fashion_mnist.CHECKSUMS.values())


@pytest.mark.parametrize("pixels", [28, 16])
def test_splits_shapes_and_types(pixels):
    dataset = load_tiny() if pixels == 28 else fashion_mnist_16.smaller(load_tiny())
    assert dataset.event_shape == (1, pixels, pixels) and dataset.num_levels == 256 and dataset.num_classes == 10
    assert [len(dataset.split(part)) for part in SPLITS] == SIZES
    assert all(dataset.split(part).x.dtype == np.uint8 for part in SPLITS)
    assert all(dataset.split(part).y.dtype == np.int64 for part in SPLITS)
    assert dataset.train.x.flags.writeable  # or PyTorch warns


def test_the_validation_split_is_the_end_of_the_training_images():
    dataset, files = load_tiny(), arrays()
    x = np.concatenate([dataset.train.x, dataset.validation.x])
    y = np.concatenate([dataset.train.y, dataset.validation.y])
    assert (x[:, 0] == files["train-images-idx3-ubyte"]).all() and (y == files["train-labels-idx1-ubyte"]).all()
    assert (dataset.test.x[:, 0] == files["t10k-images-idx3-ubyte"]).all()
    assert (dataset.test.y == files["t10k-labels-idx1-ubyte"]).all()


def test_a_file_may_be_unpacked(tmp_path):
    checksums = save(tmp_path, CONTENTS)
    for name in CONTENTS:
        packed = tmp_path / f"{name}.gz"
        (tmp_path / name).write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
        assert fashion_mnist.read([tmp_path], checksums).fingerprint() == load_tiny().fingerprint()


@pytest.mark.parametrize("subfolder", ["fashion-mnist", "fashion_mnist", "."])
def test_the_files_are_found_in_the_users_folder_before_the_installed(tmp_path, monkeypatch, subfolder):
    checksums = save(tmp_path / "own" / subfolder, CONTENTS)
    save(tmp_path / "installed", {name: b"" for name in CONTENTS})
    monkeypatch.setenv("NDM_DATA", str(tmp_path / "own"))
    places = folders("fashion-mnist", "fashion_mnist", installed=str(tmp_path / "installed"))
    assert fashion_mnist.read(places, checksums).fingerprint() == load_tiny().fingerprint()


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_only_the_installed_are_looked_for(tmp_path, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("NDM_DATA", raising=False)
    else:
        monkeypatch.setenv("NDM_DATA", value)
    assert folders("name", installed=str(tmp_path)) == [tmp_path]


def test_a_variable_that_names_no_folder_is_refused_even_where_the_files_are_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("NDM_DATA", str(tmp_path / "mistyped"))
    with pytest.raises(InputError, match=f"NDM_DATA={tmp_path / 'mistyped'}; expected a folder that exists"):
        folders("name", installed=str(tmp_path))


@pytest.mark.parametrize("name", ["fashion_mnist", "fashion_mnist_16"])
def test_absent_files_are_named_with_where_and_how(tmp_path, monkeypatch, name):
    monkeypatch.setattr(fashion_mnist, "INSTALLED", str(tmp_path / "installed"))
    monkeypatch.setenv("NDM_DATA", str(tmp_path))
    with pytest.raises(AbsentFiles) as caught:
        data.load(name)
    message = str(caught.value)
    assert "\n" not in message and message.startswith("got no file train-images-idx3-ubyte or ")
    for place in ("fashion-mnist", "fashion_mnist", "installed"):
        assert str(tmp_path / place) in message
    assert "apt-get install dataset-fashion-mnist" in message and "into $NDM_DATA/fashion-mnist" in message
    assert name in data.names()  # the list needs no files


@pytest.mark.parametrize("name", CONTENTS)
def test_each_absent_file_is_missed(tmp_path, name):
    checksums = save(tmp_path, CONTENTS)
    (tmp_path / f"{name}.gz").unlink()
    with pytest.raises(AbsentFiles, match=f"no file {name} or {name}.gz"):
        fashion_mnist.read([tmp_path], checksums)


@pytest.mark.parametrize("name", CONTENTS)
def test_another_checksum_names_the_file(tmp_path, name):
    checksums = save(tmp_path, CONTENTS)
    message = str(refused(tmp_path, checksums | {name: "0" * 32}))
    assert message.startswith(f"got {tmp_path / name}.gz of md5 {checksums[name]}")


def test_tiny_files_are_not_taken_for_the_official(tmp_path, monkeypatch):
    save(tmp_path, CONTENTS)
    monkeypatch.setenv("NDM_DATA", str(tmp_path))
    with pytest.raises(InputError, match=f"expected md5 {fashion_mnist.CHECKSUMS['train-images-idx3-ubyte']}"):
        data.load("fashion_mnist")


@pytest.mark.parametrize("name", CONTENTS)
def test_a_truncated_file_is_named(tmp_path, name):
    checksums, path = save(tmp_path, CONTENTS), tmp_path / f"{name}.gz"
    path.write_bytes(path.read_bytes()[:-5])
    assert f"{path}, which cannot be read (EOFError" in str(refused(tmp_path, checksums))


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_labels_in_place_of_images_are_named(tmp_path, part):
    labels = CONTENTS[f"{part}-labels-idx1-ubyte"]
    checksums = save(tmp_path, CONTENTS | {f"{part}-images-idx3-ubyte": labels})
    assert f"{part}-images-idx3-ubyte.gz, which begins with" in str(refused(tmp_path, checksums))


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_another_number_of_labels_names_both_files(tmp_path, part):
    name = f"{part}-labels-idx1-ubyte"
    checksums = save(tmp_path, CONTENTS | {name: idx(arrays()[name][:-1])})
    message = str(refused(tmp_path, checksums))
    assert f"{name}.gz of {len(arrays()[name]) - 1} labels" in message and f"{part}-images-idx3-ubyte.gz" in message


def test_the_smaller_images_are_padded_and_rounded_block_means():
    whole = load_tiny()
    smaller = fashion_mnist_16.smaller(whole)
    for part in SPLITS:
        x = whole.split(part).x.astype(np.float64)
        padded = np.zeros((len(x), 1, 32, 32))
        padded[:, :, 2:30, 2:30] = x
        means = padded.reshape(len(x), 1, 16, 2, 16, 2).mean(axis=(3, 5))
        assert (smaller.split(part).x == np.round(means)).all()  # np.round rounds half to even
        assert (smaller.split(part).y == whole.split(part).y).all()
    assert whole.event_shape == (1, 28, 28) and whole.name == "fashion_mnist"  # left as it was


def test_halves_are_rounded_to_even():
    sums = np.arange(4 * 255 + 1)
    blocks = np.stack([(sums + i) // 4 for i in range(4)], axis=-1).reshape(-1, 1, 2, 2)
    means = fashion_mnist_16.block_means(blocks.astype(np.uint8))
    assert means.ravel().tolist() == [round(total / 4) for total in sums.tolist()]  # so does Python's round


def test_they_are_trained_by_what_the_rules_choose():
    chosen = recipe(None, load_tiny())
    assert chosen == recipe(None, replace(load_tiny(), name="mine")) != recipe("small_unet", load_tiny())
