"""What lossless codecs take for images."""

import io

import numpy as np
from PIL import Image

from ndm.data.codecs import background, bits, tiled, webp_bits


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
    assert found.webp == webp_bits(x) == 8 * len(content.getvalue()) / x.size
    assert (np.array(Image.open(content).convert("L")) == tiled(x)[..., 0]).all()  # the codec is lossless
    assert min(found) > 8 and found.each > found.png  # noise takes its 8 bits and the headers
    assert max(bits(np.zeros_like(x))[i] for i in (0, 1, 3)) < 2
