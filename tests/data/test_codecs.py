"""What lossless codecs take for images."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from ndm.data.codecs import background, bits, first_images, tiled


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
