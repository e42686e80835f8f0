"""The toys' densities: they integrate to one, have the known entropies, and describe the samples."""

import numpy as np
import pytest

from ndm import data
from ndm.base.errors import InputError

STEP = 0.1
CENTRES = np.arange(-8, 8, STEP) + STEP / 2
GRID = np.stack(np.meshgrid(CENTRES, CENTRES, indexing="ij"), axis=-1).reshape(-1, 2)

# Exact entropies in nats, by quadrature on grids down to a step of 0.02.
ENTROPY = {"8gaussians": 2.83188, "checkerboard": np.log(32), "moons": 2.39388, "pinwheel": 2.31778}

# What others report as the true negative log-likelihood of held-out points. For moons and pinwheel these are
# estimates: scikit-learn's own moons have 2.393 +- 0.002 on 200,000 points.
CUSTOMARY = {"8gaussians": 2.832, "checkerboard": 3.466, "moons": 2.412, "pinwheel": 2.324}

TOYS = sorted(ENTROPY)


@pytest.fixture(scope="module", params=TOYS)
def toy(request) -> data.DataSet:
    return data.load(request.param)


@pytest.fixture(scope="module")
def log_p(toy) -> np.ndarray:
    return toy.log_density(GRID)


def test_density_integrates_to_one(log_p):
    assert np.exp(log_p).sum() * STEP**2 == pytest.approx(1, abs=1e-5)


def test_entropy(toy, log_p):
    p = np.exp(log_p)
    assert -(p * np.where(p > 0, log_p, 0)).sum() * STEP**2 == pytest.approx(ENTROPY[toy.name], abs=1e-4)


@pytest.mark.parametrize("known", [ENTROPY, CUSTOMARY], ids=["exact", "customary"])
def test_held_out_points_have_the_known_likelihood(toy, known):
    nll = -toy.log_density(toy.test.x)
    error = nll.std() / np.sqrt(len(nll))
    assert nll.mean() == pytest.approx(known[toy.name], abs=3 * error + 5e-4)  # 5e-4: the value's rounding


def test_samples_follow_the_density(toy):
    """Counts in cells against the density's mass there: chi-square is near its degrees of freedom."""
    edges = np.arange(-8, 8.1, 0.8)
    counts = np.histogram2d(*toy.train.x.T.astype(np.float64), bins=(edges, edges))[0].ravel()
    fine = np.exp(toy.log_density(GRID)).reshape(20, 8, 20, 8).sum(axis=(1, 3)).ravel() * STEP**2
    expected = fine * len(toy.train)
    large = expected > 10
    statistic = ((counts - expected)[large] ** 2 / expected[large]).sum()
    freedom = large.sum()
    assert freedom >= 20 and abs(statistic - freedom) < 4 * np.sqrt(2 * freedom)


def test_moons_are_those_of_scikit_learn():
    make_moons = pytest.importorskip("sklearn.datasets").make_moons
    moons = data.load("moons")
    x, y = make_moons(20000, noise=0.1, random_state=0)
    x = 2 * x - [1, 0.2]
    for label in (0, 1):
        theirs, ours = x[y == label], moons.train.x[moons.train.y == label]
        error = theirs.std(axis=0) * np.sqrt(2 / len(theirs))
        assert (np.abs(theirs.mean(axis=0) - ours.mean(axis=0)) < 4 * error).all(), label
        assert np.cov(theirs.T) == pytest.approx(np.cov(ours.T), abs=0.05), label
    nll = -moons.log_density(x)
    assert nll.mean() == pytest.approx(ENTROPY["moons"], abs=4 * nll.std() / np.sqrt(len(nll)))


def test_pinwheel_density_at_points_without_an_angle_and_far_away():
    log_p = data.load("pinwheel").log_density(np.array([[0.0, 0.0], [1e-9, 0.0], [1e4, 0.0]]))
    assert np.isfinite(log_p[:2]).all() and log_p[0] == pytest.approx(log_p[1], abs=1e-6) and log_p[2] < -50


def test_checkerboard_is_dark_where_it_should_be():
    points = np.array([[1, 1], [-1, 1], [-1, -1], [3, 1], [5, 1], [3, -3]])
    log_p = data.load("checkerboard").log_density(points)
    assert log_p.tolist() == [-np.log(32), -np.inf, -np.log(32), -np.inf, -np.inf, -np.inf]


@pytest.mark.parametrize("points", [np.zeros(2), np.zeros((4, 3)), [[0, np.nan]], [[np.inf, 0]]])
def test_log_density_refuses_other_points(toy, points):
    with pytest.raises(InputError, match=r"expected finite points \(N, 2\)"):
        toy.log_density(points)
