"""The reader of idx files: what is written comes back, and damage anywhere ends in one clear line."""

import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as any_array
from tiny_fashion_mnist import idx as written

from ndm.base.errors import InputError
from ndm.data.formats import idx

one_folder = [HealthCheck.function_scoped_fixture]  # every example overwrites the same file
quickly = settings(max_examples=100, deadline=None, suppress_health_check=one_folder)

ARRAYS = any_array(np.uint8, array_shapes(max_dims=4, max_side=5))
PACKINGS = st.sampled_from([bytes, gzip.compress])
FRACTIONS = st.floats(0, 1, exclude_max=True)

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
WHOLE = written(ARRAY)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@quickly
@given(array=ARRAYS, pack=PACKINGS)
def test_what_is_written_comes_back(tmp_path, array, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(written(array)))
    found = idx.read(path, array.ndim, md5(written(array)))
    assert found.dtype == np.uint8 and found.shape == array.shape and (found == array).all()
    assert found.flags.writeable


@quickly
@given(array=ARRAYS, share=FRACTIONS, pack=PACKINGS)
@example(array=ARRAY, share=0.0, pack=bytes)
def test_truncation_at_any_byte_is_refused_whatever_the_checksum(tmp_path, array, share, pack):
    path, whole = tmp_path / "file", pack(written(array))
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="file") as caught:
        idx.parse(idx.unpacked(path), array.ndim, where=str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_every_truncation_of_one_file_is_refused(length):
    with pytest.raises(InputError, match="got here"):
        idx.parse(WHOLE[:length], 3, where="here")


@pytest.mark.parametrize("byte", range(4))
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_magic_number_is_refused(byte, bit):
    content = bytearray(WHOLE)
    content[byte] ^= 1 << bit
    with pytest.raises(InputError, match=r"got here, which begins with .*; expected the magic number 00 00 08 03"):
        idx.parse(bytes(content), 3, where="here")


@quickly
@given(place=st.integers(4, 15), value=st.integers(0, 255))
def test_other_sizes_are_refused(place, value):
    content = bytearray(WHOLE)
    if content[place] != value:
        content[place] = value
        with pytest.raises(InputError, match=r"of shape .* with 24 values"):
            idx.parse(bytes(content), 3, where="here")
    assert (idx.parse(WHOLE, 3, where="here") == ARRAY).all()


@pytest.mark.parametrize("sizes", [(0, 4, 4), (0, 2**32 - 1, 2**32 - 1), (2**32 - 1,) * 3])
def test_sizes_that_no_array_has_are_refused(sizes):
    header = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in sizes)
    with pytest.raises(InputError, match="with 0 values"):
        idx.parse(header, 3, where="here")


def test_more_values_than_the_sizes_say_are_refused():
    with pytest.raises(InputError, match=r"of shape \(2, 3, 4\) with 25 values"):
        idx.parse(WHOLE + b"\0", 3, where="here")


@quickly
@given(place=FRACTIONS, bit=st.integers(0, 7), pack=PACKINGS)
def test_a_flipped_bit_is_refused_or_harmless(tmp_path, place, bit, pack):
    path, content = tmp_path / "file", bytearray(pack(WHOLE))
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    try:
        found = idx.read(path, 3, md5(WHOLE))
    except InputError:
        return
    assert pack is gzip.compress and (found == ARRAY).all()  # as the date in the header of gzip


def test_another_checksum_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    with pytest.raises(InputError, match=f"file of md5 {md5(WHOLE)} .unpacked.; expected md5 {md5(b'')}"):
        idx.read(path, 3, md5(b""))


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_is_no_file_is_refused(tmp_path, kind):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=f"{kind}, which cannot be read"):
        idx.read(path, 3, md5(WHOLE))
