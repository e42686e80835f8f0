"""What lossless codecs take for images, signals and other integers."""

import io
import lzma
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from ndm.data.codecs import background, bits, first_examples, first_images, level_bits, tiled
from ndm.data.event import event_of


def test_images_are_tiled_and_the_last_row_is_background():
    x = np.full((5, 3, 2, 4), 7, np.uint8)
    x[:, 0], x[4, :, 0, 0] = np.arange(5)[:, None, None], 255
    x[2:4] = np.array([9, 8, 7])[:, None, None]
    sheet = tiled(x)
    assert sheet.shape == (4, 12, 3)
    for i in range(5):
        row, column = divmod(i, 3)
        assert (sheet[2 * row : 2 * row + 2, 4 * column : 4 * column + 4] == x[i].transpose(1, 2, 0)).all()
    assert background(x).tolist() == [9, 8, 7] and (sheet[2:, 8:] == [9, 8, 7]).all()


def test_bits_are_those_of_the_tiled_picture():
    x = np.random.default_rng(0).integers(0, 256, (10, 1, 8, 8), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(tiled(x)[..., 0]).save(content, "WEBP", lossless=True, quality=100, method=6)
    found = bits(x)
    assert found.webp == 8 * len(content.getvalue()) / x.size
    assert (np.array(Image.open(content).convert("L")) == tiled(x)[..., 0]).all()  # the codec is lossless
    assert min(found) > 8 and found.png_each > found.png and found.webp_each > found.webp  # 8 bits and headers
    plain = bits(np.zeros_like(x))
    assert max(plain.webp, plain.png, plain.zlib, plain.xz) < 2
    assert found.zlib == 8 * len(zlib.compress(x.tobytes(), 9)) / x.size


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_channels_that_make_no_colour_are_pictures_in_grey(channels):
    x = np.random.default_rng(0).integers(0, 256, (6, channels, 8, 8), dtype=np.uint8)
    found = bits(x)
    assert min(found) > 8
    if channels not in (1, 3):
        assert found == bits(x.reshape(-1, 1, 8, 8))


def test_as_many_images_are_taken_as_make_one_picture():
    assert first_images(np.zeros((9, 1, 8, 8), np.uint8)).shape == (9, 1, 8, 8)
    assert len(first_images(np.broadcast_to(np.uint8(0), (10**6, 3, 32, 32)))) == 1365  # of 4 MiB
    long = first_images(np.broadcast_to(np.uint8(0), (99, 1, 1, 5000)))
    assert len(long) == 9 and max(tiled(long).shape) <= 16383


def test_as_many_examples_are_taken_as_codecs_take_in_some_seconds():
    assert first_examples(np.zeros((9, 4, 4, 4), np.float32)).shape == (9, 4, 4, 4)
    assert len(first_examples(np.broadcast_to(np.float32(0), (10**6, 1024)))) == 4096


@pytest.mark.parametrize("shape", [(4, 4, 4), (9, 9), (3,)], ids=["volume", "float image", "table"])
def test_integers_of_all_kinds_are_compressed_as_bytes(shape):
    k = np.random.default_rng(0).integers(-300, 300, (50, *shape)).astype(">i2")
    found = level_bits(k, event_of(shape, None))
    content = k.astype("<i2").tobytes()
    sizes = {"zlib": len(zlib.compress(content, 9)), "xz": len(lzma.compress(content, preset=9))}
    assert found.values == {name: 8 * size / k.size for name, size in sizes.items()}
    assert found.absent is None and found.flac is None


def sines(number: int, *shape: int, dtype: str = "int16") -> np.ndarray:
    """Tones that a linear prediction follows, with a little noise."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 6, (number, *shape[:-1], 1)) + np.arange(shape[-1]) * rng.uniform(0.02, 0.2, (number, 1, 1))
    found = np.round(9000 * np.sin(phase) + rng.normal(size=phase.shape))
    return (found.reshape(number, *shape) - (-(2**15) if dtype == "uint16" else 0)).astype(dtype)


def test_flac_is_a_file_that_holds_the_signals():
    soundfile = pytest.importorskip("soundfile")
    k = sines(20, 1, 512)
    content = io.BytesIO()
    soundfile.write(content, k.reshape(-1, 1), 44_100, "PCM_16", format="FLAC", compression_level=1.0)
    found = level_bits(k, event_of((1, 512), None))
    assert found.values["stream"] == 8 * len(content.getvalue()) / k.size
    content.seek(0)
    assert (soundfile.read(content, dtype="int16")[0].reshape(k.shape) == k).all()  # the codec is lossless
    assert found.flac == min(found.values["stream"], found.values["blocks"]) < found.values["xz"] < 16


def test_blocks_of_signals_are_their_files_with_one_header():
    """The first block begins where its sync code is, eleven ones and three zeros (RFC 9639, section 9.1)."""
    soundfile = pytest.importorskip("soundfile")
    k = sines(3, 1, 512)
    files = []
    for signal in k:
        content = io.BytesIO()
        soundfile.write(content, signal.T, 44_100, "PCM_16", format="FLAC", compression_level=1.0)
        files.append(content.getvalue())
    expected = files[0].index(b"\xff\xf8") + sum(len(each) - each.index(b"\xff\xf8") for each in files)
    assert level_bits(k, event_of((1, 512), None)).values["blocks"] == 8 * expected / k.size


def test_noise_takes_its_bits_in_flac_and_silence_takes_none():
    pytest.importorskip("soundfile")
    noise = np.random.default_rng(0).integers(-(2**15), 2**15, (64, 1024)).astype(np.int16)
    event = event_of((1024,), None)
    assert level_bits(noise, event).flac == pytest.approx(16, rel=0.01)
    assert level_bits(0 * noise + 7, event).flac < 0.2


@pytest.mark.parametrize("dtype", ["int32", "uint16"])
def test_flac_takes_whatever_16_bits_hold(dtype):
    pytest.importorskip("soundfile")
    event = event_of((1, 512), None)
    assert level_bits(sines(20, 1, 512, dtype=dtype), event).flac == pytest.approx(
        level_bits(sines(20, 1, 512), event).flac, rel=0.02
    )
    beyond = sines(20, 1, 512).astype(np.int32)
    beyond[0, 0, :2] = -40_000, 40_000
    assert level_bits(beyond, event).flac is None


def test_many_channels_are_each_a_stream():
    pytest.importorskip("soundfile")
    k = sines(5, 12, 512)
    alone = level_bits(k.reshape(60, 1, 512), event_of((1, 512), None))
    assert level_bits(k, event_of((12, 512), None)) == alone


def test_without_soundfile_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    found = level_bits(sines(5, 1, 512), event_of((1, 512), None))
    assert found.values.keys() == {"zlib", "xz"} and found.flac is None
    assert "no package 'soundfile'" in found.absent and "pip install 'ndm[audio]'" in found.absent
