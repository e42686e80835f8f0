"""Eight Gaussians around a circle, a two-dimensional toy of 8 classes."""

import numpy as np

from ndm.data.dataset import DataSet
from ndm.data.sets._toys import labels, log_normal, stream, toy

NAME = "8gaussians"
SOURCE = "as in FFJORD, 2019, https://arxiv.org/abs/1810.01367"
SCALE = 1.414  # FFJORD's rounding of sqrt(2), kept so that figures compare
STD = 0.5 / SCALE
DIRECTIONS = 2 * np.pi * np.arange(8) / 8
CENTRES = 4 / SCALE * np.stack([np.cos(DIRECTIONS), np.sin(DIRECTIONS)], axis=-1)  # (8, 2)


def load() -> DataSet:
    """Make x = (4 e_y + 0.5 eps) / 1.414, with e_y the eight directions, equally many of each, eps ~ N(0, I)."""
    rng, y = stream(1), labels(8)
    return toy(NAME, CENTRES[y] + STD * rng.standard_normal((len(y), 2)), y, SOURCE, log_density)


def log_density(x: np.ndarray) -> np.ndarray:
    """The log density, log p(x) = log 1/8 sum_y N(x; c_y, std^2 I)."""
    log_kernel = log_normal(x[:, None] - CENTRES, STD).sum(axis=-1)  # (N, 8)
    log_mean: np.ndarray = np.logaddexp.reduce(log_kernel, axis=-1) - np.log(8)
    return log_mean
