"""A pinwheel of five bent arms, a two-dimensional toy of 5 classes.

With features f = (a, b), a ~ N(1, 0.3^2), b ~ N(0, 0.1^2), and an arm y of 5,

    x = 2 R(-phi) f,    phi(a, y) = 2 pi y / 5 + 0.25 exp(a),    R(phi) the rotation by phi.

The angle depends on a, so there is no inverse in closed form; but the preimages of x are the solutions of
one equation in a, a = (R(phi(a, y)) x / 2)_1. The Jacobian determinant of f -> x is 4 (1 + b dphi/da), hence

    p(x) = 1/5 sum over arms y and solutions a of  N(a; 1, 0.3^2) N(b; 0, 0.1^2) / (4 |1 + b 0.25 exp(a)|).
"""

import numpy as np

from ndm.data.dataset import DataSet
from ndm.data.sets._toys import labels, log_normal, stream, toy

NAME = "pinwheel"
SOURCE = "Johnson 2016, https://arxiv.org/abs/1603.06277; FFJORD 2019, https://arxiv.org/abs/1810.01367"
ARMS, RADIAL, TANGENTIAL, RATE, SCALE = 5, 0.3, 0.1, 0.25, 2.0

# Solutions are bracketed by changes of sign on this grid and bisected. Beyond a = 4 (10 deviations)
# the arms wind ever faster and hold 1e-23 of the mass. Two solutions within one step are missed only beside a
# fold of the map, b = -4 exp(-a), and less than 1e-6 of the mass lies beyond the folds.
STEPS, LARGEST, BISECTIONS = 64, 4.0, 50


def load() -> DataSet:
    """Draw points by the definition above, equally many on each arm."""
    rng, y = stream(3), labels(ARMS)
    a, b = 1 + RADIAL * rng.standard_normal(len(y)), TANGENTIAL * rng.standard_normal(len(y))
    x = np.stack(rotate(a, b, -angle(a, y)), axis=-1)
    return toy(NAME, SCALE * x, y, SOURCE, log_density)


def angle(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The angle phi(a, y) = 2 pi y / 5 + 0.25 exp(a)."""
    phi: np.ndarray = 2 * np.pi * y / ARMS + RATE * np.exp(a)
    return phi


def rotate(u: np.ndarray, v: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate (u, v) by phi."""
    return np.cos(phi) * u - np.sin(phi) * v, np.sin(phi) * u + np.cos(phi) * v


def log_density(x: np.ndarray) -> np.ndarray:
    """The log density by the sum above; -inf where no solution is found, which happens only beyond |x| = 8."""
    u, v = x.T / SCALE
    radius = np.hypot(u, v)[:, None, None] + 1e-9  # a little wider, so that the ends differ strictly in sign
    a = -radius + (np.minimum(radius, LARGEST) + radius) * np.linspace(0, 1, STEPS + 1)  # (N, 1, STEPS + 1)

    def excess(point: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(R(phi(a, y)) x / 2)_1 - a, positive for a < -|x| / 2, negative for a > |x| / 2."""
        difference: np.ndarray = rotate(u[point], v[point], angle(a, y))[0] - a
        return difference

    above = excess(np.arange(len(x))[:, None, None], a, np.arange(ARMS)[:, None]) > 0  # (N, ARMS, STEPS + 1)
    point, y, step = np.nonzero(above[..., 1:] != above[..., :-1])
    low, high, rising = a[point, 0, step], a[point, 0, step + 1], above[point, y, step]
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        same = (excess(point, middle, y) > 0) == rising
        low, high = np.where(same, middle, low), np.where(same, high, middle)

    b = rotate(u[point], v[point], angle(low, y))[1]
    log_jacobian = np.log(np.abs(1 + b * RATE * np.exp(low))) + 2 * np.log(SCALE)
    log_term = log_normal(low - 1, RADIAL) + log_normal(b, TANGENTIAL) - log_jacobian - np.log(ARMS)
    total = np.full(len(x), -np.inf)
    np.logaddexp.at(total, point, log_term)
    return total
