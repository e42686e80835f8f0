"""Two interleaved half circles with Gaussian noise, a two-dimensional toy of 2 classes."""

import numpy as np

from ndm.data.dataset import DataSet
from ndm.data.sets._toys import labels, log_normal, stream, toy

NAME = "moons"
SOURCE = "scikit-learn's make_moons (2011), scaled as in FFJORD, 2019, https://arxiv.org/abs/1810.01367"
NOISE = 0.1
SCALE, SHIFT = 2.0, np.array([1.0, 0.2])

# Gauss-Legendre rule on [0, pi]: a node every 0.025 rad at most, against a noise 0.1 rad wide, so that the
# quadrature is exact to 13 digits wherever there are data.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
ANGLES, LOG_WEIGHTS = np.pi * (NODES + 1) / 2, np.log(WEIGHTS / 2)


def load() -> DataSet:
    """Make x = 2 (c_y(u) + 0.1 eps) - (1, 0.2), with u ~ U(0, pi), y in {0, 1} in equal halves, eps ~ N(0, I)."""
    rng, y = stream(0), labels(2)
    u = np.pi * rng.random_sample(len(y))
    centre = np.where(y[:, None] == 0, half_circle(u, 0), half_circle(u, 1))
    x = centre + NOISE * rng.standard_normal(centre.shape)
    return toy(NAME, SCALE * x - SHIFT, y, SOURCE, log_density)


def half_circle(u: np.ndarray, y: int) -> np.ndarray:
    """The centre line of class `y` at the angles `u` (N,): (N, 2)."""
    centre = np.stack([np.cos(u), np.sin(u)], axis=-1)
    return centre if y == 0 else np.array([1.0, 0.5]) - centre


def log_density(x: np.ndarray) -> np.ndarray:
    """The log density, log 1/2 sum_y 1/pi int_0^pi N(w; c_y(u), 0.1^2 I) du - 2 log 2, w = (x + (1, 0.2)) / 2."""
    w = (x + SHIFT) / SCALE
    centres = np.concatenate([half_circle(ANGLES, 0), half_circle(ANGLES, 1)])  # (2 x 200, 2)
    log_kernel = log_normal(w[:, None] - centres, NOISE).sum(axis=-1)  # (N, 2 x 200)
    log_sum = np.logaddexp.reduce(log_kernel + np.tile(LOG_WEIGHTS, 2), axis=-1)
    log_p: np.ndarray = log_sum - np.log(2) - 2 * np.log(SCALE)
    return log_p
