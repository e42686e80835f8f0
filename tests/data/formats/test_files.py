"""The user's own files: what is accepted, and that everything else ends in one clear line."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ndm import data
from ndm.base.errors import InputError
from ndm.data.formats import arrays

REAL = np.arange(40, dtype=np.float32).reshape(20, 2)
LABELS = np.arange(20) % 3
IMAGES = np.arange(20 * 6, dtype=np.uint8).reshape(20, 2, 3)

one_folder = [HealthCheck.function_scoped_fixture]  # every example overwrites the same file
quickly = settings(max_examples=100, deadline=None, suppress_health_check=one_folder)

SUFFIXES = st.sampled_from([".npy", ".npz"])
FRACTIONS = st.floats(0, 1, exclude_max=True)

# Nothing, and how arrays, archives and pickles begin.
NUMPY = b"\x93NUMPY\x01\x00"
STARTS = [b"", NUMPY, NUMPY + b"\x76\x00{'descr': ", b"PK\x03\x04", b"PK\x05\x06", b"\x80\x04"]


def saved(tmp_path, x, **more) -> str:
    """`x` alone as .npy, with other keys as .npz."""
    path = tmp_path / ("file.npz" if more else "file.npy")
    if more:
        np.savez_compressed(path, x=x, **more)
    else:
        np.save(path, x)
    return str(path)


def as_bytes(save, *args, **more) -> bytes:
    file = io.BytesIO()
    save(file, *args, **more)
    return file.getvalue()


WHOLE = {
    ".npy": as_bytes(np.save, REAL),
    ".npz": as_bytes(np.savez, x=REAL, y=LABELS),
    ".compressed.npz": as_bytes(np.savez_compressed, x=REAL, y=LABELS),
}


def test_real_values_with_labels(tmp_path):
    dataset = data.load(saved(tmp_path, REAL.astype(np.float64), y=LABELS))
    assert [len(dataset.split(part)) for part in ("train", "validation", "test")] == [16, 2, 2]
    assert dataset.train.x.dtype == np.float32 and not dataset.is_image and dataset.num_classes == 3
    x = np.concatenate([dataset.train.x, dataset.validation.x, dataset.test.x])
    y = np.concatenate([dataset.train.y, dataset.validation.y, dataset.test.y])
    order = np.argsort(x[:, 0])
    assert (x[order] == REAL).all() and (y[order] == LABELS).all()  # each example once, beside its own label
    assert (x != REAL).any()  # permuted


@pytest.mark.parametrize("images", [IMAGES, IMAGES[:, None]], ids=["NHW", "NCHW"])
def test_images(tmp_path, images):
    dataset = data.load(saved(tmp_path, images))
    assert dataset.event_shape == (1, 2, 3) and dataset.num_levels == 256 and dataset.train.y is None


def test_the_split_is_fixed(tmp_path):
    path = saved(tmp_path, REAL)
    assert data.load(path).fingerprint() == data.load(path).fingerprint() == "6df56d713015c120"


def test_read_keeps_every_example_in_order(tmp_path):
    split = arrays.load_file(saved(tmp_path, REAL, y=LABELS)).examples
    assert (split.x == REAL).all() and (split.y == LABELS).all()


@pytest.mark.parametrize("dtype", [np.float16, ">f4", np.longdouble])
def test_other_floats_become_float32(tmp_path, dtype):
    assert (arrays.load_file(saved(tmp_path, REAL.astype(dtype))).examples.x == REAL).all()


@pytest.mark.parametrize(
    "x, more, message",
    [
        (np.where(REAL == 7, np.nan, REAL), {}, r"1 value NaN or infinite, the first at x\[3, 1\]"),
        (np.where(REAL == 7, 1e39, 1.0), {}, r"1 values too large for float32, as 1e\+39"),
        (REAL.astype(np.int64), {}, r"type int64; expected uint8 images or floating-point values; .*dequantise=true"),
        (REAL.astype(complex), {}, "type complex128"),
        (REAL > 3, {}, "type bool"),
        (REAL.astype(str), {}, "type <U"),
        (np.array([{}, []], dtype=object), {}, "pickles are not read"),
        (np.array([{}, []], dtype=object), {"y": LABELS}, "pickles are not read"),
        (REAL, {"y": np.array([None] * 20)}, "pickles are not read"),
        (np.zeros(20, [("a", "f4")]), {}, "expected uint8 images or floating"),
        (REAL[:9], {}, "9 examples; expected 10 or more"),
        (REAL[:0], {}, "holds nothing"),
        (REAL[:, 0], {}, r"shape \(20,\)"),
        (np.float32(1), {}, r"shape \(\)"),
        (IMAGES[:, 0], {}, r"uint8 of shape \(20, 3\); expected images"),
        (np.zeros((20, 8, 8, 3), np.uint8), {}, "channels last"),
        (REAL, {"y": LABELS[:19]}, "one number or word for each example"),
        (REAL, {"y": LABELS.astype(complex)}, "labels y of type complex128"),
        (REAL, {"y": LABELS - 1}, r"y\[0\]: -1, a missing label; .*unlabelled=keep"),
        (REAL, {"y": np.where(LABELS == 2, np.nan, LABELS)}, r"y\[2\]: nan, a missing label"),
    ],
)
def test_refuses_and_names_the_file(tmp_path, x, more, message):
    with pytest.raises(InputError, match=message) as caught:
        data.load(saved(tmp_path, x, **more))
    assert "file.np" in str(caught.value) and "\n" not in str(caught.value)


def test_refuses_a_missing_key(tmp_path):
    np.savez(tmp_path / "file.npz", data=REAL, target=LABELS)
    with pytest.raises(InputError, match=r"file\.npz with the keys data, target; expected the key x"):
        data.load(str(tmp_path / "file.npz"))


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.npy; expected an existing file"):
        data.load(str(tmp_path / "none.npy"))


def test_a_pickle_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    for content in (pickle.dumps(Trap()), as_bytes(np.save, np.array([Trap()], dtype=object))):
        (tmp_path / "file.npy").write_bytes(content)
        with pytest.raises(InputError, match="pickles are not read"):
            data.load(str(tmp_path / "file.npy"))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("path", ["table.xlsx", "images", "note.txt"])
def test_other_formats_are_refused_with_those_that_are_read(tmp_path, path):
    if path == "images":
        (tmp_path / path).mkdir()
    elif path == "note.txt":
        (tmp_path / path).touch()
    with pytest.raises(InputError, match=f"(file|folder) .*{path}; expected a folder of images, or a file of a"):
        data.load(str(tmp_path / path))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(
        InputError,
        match="data 'digit', and no file or folder of that name is here; expected one of 8gaussians, celeba",
    ):
        data.load("digit")


@quickly
@given(start=st.sampled_from(STARTS), content=st.binary(max_size=300), suffix=SUFFIXES)
def test_random_bytes_are_refused(tmp_path, content, suffix, start):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(start + content)
    with pytest.raises(InputError):
        data.load(str(path))


@quickly
@given(share=FRACTIONS, suffix=st.sampled_from(sorted(WHOLE)))
def test_truncated_files_are_refused(tmp_path, share, suffix):
    whole = WHOLE[suffix]
    path = tmp_path / f"file{suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError):
        data.load(str(path))


@quickly
@given(place=FRACTIONS, value=st.integers(0, 255), suffix=st.sampled_from(sorted(WHOLE)))
@pytest.mark.filterwarnings("ignore")
def test_a_changed_byte_is_refused_or_harmless(tmp_path, place, value, suffix):
    content = bytearray(WHOLE[suffix])
    content[int(place * len(content))] = value
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    try:
        dataset = data.load(str(path))
    except InputError:
        return
    assert np.isfinite(dataset.train.x).all()


def test_the_noise_of_each_dimension_is_independent_of_all_others(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 9, (50, 30, 40)))
    x = data.read(str(tmp_path / "x.npy"), {"dequantise": True}).examples.x.reshape(50, -1)
    noise = x.astype(np.float64) - np.floor(x)
    assert len(np.unique(noise, axis=1).T) == 1200
    correlations = np.corrcoef(noise.T)[np.triu_indices(1200, 1)]
    assert abs(correlations.mean()) < 1e-3 and correlations.std() == pytest.approx(1 / 7, rel=0.02)  # 1 / sqrt(n - 1)
    assert np.abs(correlations).max() < 0.8


def test_volumes_of_bytes_are_read_as_images_and_that_is_said(tmp_path):
    x = np.random.default_rng(0).integers(0, 9, (40, 6, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    found = data.read(str(tmp_path / "x.npy"))
    said = "x of shape (40, 6, 8, 8) are read as images of 6 channels; for volumes say dequantise=true"
    assert found.num_levels == 256 and said in found.divided().notes
    assert not [note for note in data.load(str(tmp_path / "x.npy"), {"dequantise": True}).notes if "images" in note]
    np.save(tmp_path / "x.npy", x[:, :3])
    assert data.load(str(tmp_path / "x.npy")).notes == ()


@pytest.mark.parametrize("values, said", [((7, 7, 7), "of one value"), ((7, 8, 9), "the same")])
def test_examples_that_noise_alone_tells_apart_are_no_data_to_train_on(tmp_path, values, said):
    np.save(tmp_path / "x.npy", np.tile(np.array(values, np.int32), (30, 1)))
    found = data.read(str(tmp_path / "x.npy"), {"dequantise": True})
    assert len(found.examples) == 30  # which a model of other data can be evaluated on
    with pytest.raises(InputError, match=rf"x\.npy, whose examples are all {said}; .*look at one"):
        found.divided()
