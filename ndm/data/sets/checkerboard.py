"""Uniform on the 8 dark squares of a checkerboard, a two-dimensional toy."""

import numpy as np

from ndm.data.dataset import DataSet
from ndm.data.sets._toys import SIZES, stream, toy

NAME = "checkerboard"
SOURCE = "as in FFJORD, 2019, https://arxiv.org/abs/1810.01367"
SIDE, HALF_WIDTH = 2.0, 4.0


def load() -> DataSet:
    """Draw uniformly on the squares of side 2 in [-4, 4]^2 whose column and row numbers have an even sum."""
    u = stream(2).random_sample((sum(SIZES), 3))
    across = 4 * u[:, 0]
    row = np.floor(across) % 2 + 2 * np.floor(2 * u[:, 1])
    x = np.stack([across, row + u[:, 2]], axis=-1)
    return toy(NAME, SIDE * x - HALF_WIDTH, None, SOURCE, log_density)


def log_density(x: np.ndarray) -> np.ndarray:
    """The log density, log p(x) = -log 32 on the dark squares, -inf elsewhere."""
    inside = (x >= -HALF_WIDTH).all(axis=1) & (x < HALF_WIDTH).all(axis=1)
    dark = np.floor(x / SIDE).sum(axis=1) % 2 == 0
    return np.where(inside & dark, -np.log(8 * SIDE**2), -np.inf)
