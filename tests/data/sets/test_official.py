"""The published data sets, from tiny files in their official layouts: what is read, split and refused."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_fashion_mnist import arrays, idx, save

from ndm import data
from ndm.base.errors import InputError
from ndm.data.batches import Batches
from ndm.data.formats.images import Images, Policy
from ndm.data.formats.pickles import unpickled
from ndm.data.formats.stores import Tar
from ndm.data.sets import _imagenet as imagenet
from ndm.data.sets import celeba_hq_256, cifar10, mnist
from ndm.data.sets._imagenet import Counts

RNG = np.random.RandomState(0)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def png(x: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(x).save(file, "PNG")
    return file.getvalue()


# CIFAR-10


def cifar_batches() -> dict[str, bytes]:
    """As Python 2 wrote them: protocol 2, keys and text of bytes."""
    found = {}
    for name in cifar10.CHECKSUMS:
        x = RNG.randint(0, 256, (20, 3072)).astype(np.uint8)
        batch = {"data": x, "labels": [i % 10 for i in range(20)], "batch_label": name, "filenames": ["a.png"] * 20}
        found[name] = pickle.dumps(batch, protocol=2)
    return found


BATCHES = cifar_batches()
MD5 = {name: hashlib.md5(content).hexdigest() for name, content in BATCHES.items()}


def write_cifar(folder, contents, packed=True) -> None:
    if packed:
        with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
            for name, content in contents.items():
                add(archive, f"cifar-10-batches-py/{name}", content)
    else:
        (folder / "cifar-10-batches-py").mkdir()
        for name, content in contents.items():
            (folder / "cifar-10-batches-py" / name).write_bytes(content)


@pytest.mark.parametrize("packed", [True, False])
def test_cifar10(tmp_path, packed):
    write_cifar(tmp_path, BATCHES, packed)
    found = cifar10.read([tmp_path], MD5)
    assert [len(found.split(part)) for part in data.dataset.SPLITS] == [90, 10, 20]
    assert found.event_shape == (3, 32, 32) and found.num_classes == 10
    first = pickle.loads(BATCHES["data_batch_1"])
    assert (found.train.x[7].ravel() == first["data"][7]).all() and found.train.y[7] == first["labels"][7]
    last = pickle.loads(BATCHES["data_batch_5"])
    assert (found.validation.x[-1].ravel() == last["data"][-1]).all()


def test_a_tampered_truncated_or_absent_batch_is_named(tmp_path):
    tampered = BATCHES | {"data_batch_3": BATCHES["data_batch_3"][:-40] + b"\x07" + BATCHES["data_batch_3"][-39:]}
    write_cifar(tmp_path, tampered)
    with pytest.raises(InputError, match=r"data_batch_3 of md5 .* expected md5"):
        cifar10.read([tmp_path], MD5)
    path = tmp_path / "cifar-10-python.tar.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cifar-10-python.tar.gz, which cannot be read"):
        cifar10.read([tmp_path], MD5)
    write_cifar(tmp_path, {name: content for name, content in BATCHES.items() if name != "test_batch"})
    with pytest.raises(InputError, match=r"without test_batch"):
        cifar10.read([tmp_path], MD5)


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_asks_for_anything_but_data_is_refused(tmp_path, protocol):
    sprung = tmp_path / "sprung"
    for trap in (
        Attack(os.system, f"touch {sprung}"),
        Attack(eval, f"open({str(sprung)!r}, 'w')"),
        Attack(getattr, "text", "upper"),
        Attack(np.load, str(sprung)),
    ):
        content = pickle.dumps({"data": trap, "labels": []}, protocol)
        bad = BATCHES | {"data_batch_1": content}
        write_cifar(tmp_path, bad)
        with pytest.raises(InputError, match=r"not a pickle of data alone .*it asks for"):
            cifar10.read([tmp_path], MD5 | {"data_batch_1": hashlib.md5(content).hexdigest()})
    assert not sprung.exists()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400))
def test_any_bytes_are_a_pickle_of_data_or_refused(tail, keep):
    try:
        unpickled(BATCHES["data_batch_1"][:keep] + tail, "here")
    except InputError as error:
        assert "\n" not in str(error)


# MNIST


def test_mnist_is_read_and_not_mistaken(tmp_path, monkeypatch):
    checksums = save(tmp_path, {name: idx(array) for name, array in arrays().items()})
    found = mnist.read([tmp_path], checksums)
    assert found.name == "mnist" and "LeCun" in found.source and found.event_shape == (1, 28, 28)
    monkeypatch.setenv("NDM_DATA", str(tmp_path))
    with pytest.raises(InputError, match="expected md5 6bbc9ace898e44ae57da46a324031adb"):
        data.load("mnist")
    name = "t10k-labels-idx1-ubyte"
    (tmp_path / name).write_bytes(gzip.decompress((tmp_path / f"{name}.gz").read_bytes()))
    assert mnist.read([tmp_path], checksums).fingerprint() == found.fingerprint()


# ImageNet


def write_old(folder, num=(12, 4), size=32) -> np.ndarray:
    x = RNG.randint(0, 256, (sum(num), size, size, 3)).astype(np.uint8)
    for part, images in (("train", x[: num[0]]), ("valid", x[num[0] :])):
        with tarfile.open(folder / f"{part}_{size}x{size}.tar", "w") as archive:
            for i, image in enumerate(images):
                add(archive, f"{part}_{size}x{size}/{i + 1:07d}.png", png(image))
    return x.transpose(0, 3, 1, 2)


def write_new(folder, zipped) -> np.ndarray:
    x = RNG.randint(0, 256, (16, 3072)).astype(np.uint8)
    y = np.arange(16) * 66 + 1
    files = {f"train_data_batch_{i}.npz": slice(6 * i - 6, 6 * i) for i in (1, 2)} | {"val_data.npz": slice(12, 16)}
    for name, rows in files.items():
        np.savez(folder / name, data=x[rows], labels=y[rows], mean=x[:12].mean(0))
    if zipped:
        for archive, part in (("Imagenet32_train_npz.zip", "train"), ("Imagenet32_val_npz.zip", "val")):
            with zipfile.ZipFile(folder / archive, "w", zipfile.ZIP_DEFLATED) as packed:
                for name in files:
                    if name.startswith(part):
                        packed.write(folder / name, name)
        for name in files:
            (folder / name).unlink()
    return x.reshape(-1, 3, 32, 32)


SMALL = Counts(12, 4, validation=2)


def test_imagenet_of_the_old_release(tmp_path):
    x = write_old(tmp_path)
    found = imagenet.read(32, "old", [tmp_path], SMALL)
    assert (found.train.x == x[:10]).all() and (found.validation.x == x[10:12]).all() and (found.test.x == x[12:]).all()
    assert "old release" in found.source and found.num_classes == 0


@pytest.mark.parametrize("stored", ["zipped", "in memory", "mapped"])
def test_imagenet_of_the_new_release(tmp_path, monkeypatch, stored):
    if stored == "mapped":
        monkeypatch.setattr("ndm.data.lazy.IN_MEMORY", 2 * 6 * 3072 - 2)  # of two batches, each with a byte too many
    x = write_new(tmp_path, stored == "zipped")
    found = imagenet.read(32, "new", [tmp_path], SMALL)
    if stored != "zipped":
        arrays = found.train.x.arrays
        assert len(arrays) == 2 and all(isinstance(each, np.memmap) is (stored == "mapped") for each in arrays)
    assert (found.train.x[:] == x[:10]).all() and (found.validation.x[:] == x[10:12]).all()
    assert (found.test.x == x[12:]).all() and "new release" in found.source
    assert found.train.y.tolist() == [i * 66 for i in range(10)]


def test_the_release_must_be_named():
    with pytest.raises(InputError, match="imagenet32 without its release; expected release=old or release=new"):
        data.load("imagenet32")
    with pytest.raises(InputError, match="release=newer"):
        data.load("imagenet64", {"release": "newer"})
    with pytest.raises(InputError, match="the option colour for imagenet64; expected one of release"):
        data.load("imagenet64", {"colour": 1})
    with pytest.raises(InputError, match="the option release for digits; expected no options"):
        data.load("digits", {"release": "new"})


def test_another_number_of_images_or_a_cut_archive_is_refused(tmp_path):
    write_old(tmp_path)
    with pytest.raises(InputError, match=r"12 training images of imagenet32 .*expected 13"):
        imagenet.read(32, "old", [tmp_path], Counts(13, 4, 2))
    path = tmp_path / "train_32x32.tar"
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError, match=r"train_32x32\.tar"):
        imagenet.read(32, "old", [tmp_path], SMALL)


def test_labels_out_of_range_and_other_shapes_are_refused(tmp_path):
    write_new(tmp_path, zipped=False)
    np.savez(tmp_path / "val_data.npz", data=np.zeros((4, 3072), np.uint8), labels=np.arange(4))
    with pytest.raises(InputError, match=r"val_data.npz: labels 0\.\.3; expected 1\.\.1000"):
        imagenet.read(32, "new", [tmp_path], SMALL)
    np.savez(tmp_path / "val_data.npz", data=np.zeros((4, 300), np.uint8), labels=np.arange(4))
    with pytest.raises(InputError, match=r"val_data.npz: data uint8 \(4, 300\)"):
        imagenet.read(32, "new", [tmp_path], SMALL)


# CelebA-HQ


@pytest.mark.parametrize("zipped", [True, False])
def test_celeba_hq(tmp_path, zipped):
    x = RNG.randint(0, 256, (15, 8, 8, 3)).astype(np.uint8)
    files = {f"{i + 1:05d}.jpg": png(image) for i, image in enumerate(x)}  # what it holds decides, not its suffix
    if zipped:
        with zipfile.ZipFile(tmp_path / "data256x256.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(f"data256x256/{name}", content)
    else:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
    found = celeba_hq_256.read([tmp_path], (10, 2, 3), 8)
    assert (found.test.x == x.transpose(0, 3, 1, 2)[12:]).all() and len(found.validation) == 2
    with pytest.raises(InputError, match="15 files; expected 30000 images"):
        celeba_hq_256.read([tmp_path], celeba_hq_256.SIZES, 256)
    with pytest.raises(InputError, match=r"00001.jpg of 8x8 pixels; expected 256x256"):
        celeba_hq_256.read([tmp_path], (10, 2, 3), 256)


def test_images_that_stay_in_their_archive_are_decoded_only_when_asked_for(tmp_path, monkeypatch):
    x, read = write_old(tmp_path), []
    whole = Tar.read
    monkeypatch.setattr(Tar, "read", lambda self, i: read.append(i) or whole(self, i))
    images = Images(Tar(tmp_path / "train_32x32.tar"), Policy(32, 32, "rgb"))
    split = data.Split(images)
    batch = Batches(split, 4, seed=0).rows(0, 1, 3).x
    order = np.random.default_rng((0, 0)).permutation(12)
    assert sorted(read) == sorted(order[1:3]) and (batch == x[order[1:3]]).all()
    assert (images.subset(np.array([5, 2]))[:] == x[[5, 2]]).all() and (np.asarray(images) == x[:12]).all()
    assert data.DataSet("lazy", split, split, split, num_levels=256, num_classes=0, source="here").event_shape
