"""Values at equal steps are found, with their step, and continuous ones are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndm.data.formats.lattice import has_ties, integers, step_of

RNG = np.random.RandomState(0)
STEPS = {"k / 255": 1 / 255, "k / 10": 0.1, "k / 127.5 - 1": 1 / 127.5, "tens": 10.0, "cents": 0.01, "thirds": 1 / 3}
CONTINUOUS = {
    "normal": lambda n: RNG.standard_normal(n),
    "uniform": lambda n: RNG.random_sample(n),
    "log-normal": lambda n: np.exp(3 * RNG.standard_normal(n)),
    "large": lambda n: 1e8 * RNG.standard_normal(n),
    "six decimals": lambda n: np.round(RNG.standard_normal(n), 6),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num", [10, 16, 100, 1000, 20000])
@pytest.mark.parametrize("name", STEPS)
def test_the_step_is_found(name, num, dtype):
    step = STEPS[name]
    start = {"k / 127.5 - 1": -1.0, "tens": 0.5}.get(name, 0.0)
    assert step_of((RNG.randint(0, 200, num) * step + start).astype(dtype)) == pytest.approx(step, rel=1e-5)


@pytest.mark.parametrize("num", [10, 16, 100, 1000, 20000])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_values_have_none(name, num):
    values = CONTINUOUS[name](num).astype(np.float32)
    assert step_of(values) is None and not has_ties(values[:, None])[0]


@given(step=st.floats(1e-4, 1e4), start=st.integers(-100, 100), seed=st.integers(0, 10**6), num=st.integers(20, 400))
def test_any_step_is_found_from_float32(step, start, seed, num):
    numbers = np.random.RandomState(seed).randint(0, 50, num)
    numbers[:2] = 0, 1
    found = step_of(((numbers + start) * step).astype(np.float32))
    assert found == pytest.approx(step, rel=1e-4) or found == 1.0


def test_integers_have_step_1_whatever_their_distances():
    assert step_of(np.array([0.0, 10, 20, 1000])) == 1.0 and step_of(np.arange(10.0) ** 6) == 1.0
    assert not integers(np.float32(1e9 * RNG.standard_normal((100, 1))))[0]  # float32 knows no others there


def test_atoms_are_ties_without_a_step():
    atoms = np.where(RNG.random_sample(500) < 0.4, 0.0, RNG.standard_normal(500))
    assert step_of(atoms) is None and has_ties(atoms[:, None])[0]
    assert step_of(np.where(atoms > 0, 0.8, 0.3)) == pytest.approx(0.5)
    assert step_of(np.full(9, 0.3)) is None
