"""The mathematics of averages whose length is chosen afterwards, against integrals that are taken numerically."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndm.base.errors import InputError
from ndm.training.averages.power import Profiles, exponent, kept

LENGTHS = st.floats(0.01, 0.28)
STEPS = st.integers(1, 10**6)


def integrals(ends: list[int], lengths: list[float]) -> np.ndarray:
    """The integrals of the products of all pairs, by Gauss-Legendre quadrature between the ends, (N, N)."""
    profiles, total = Profiles.of(ends, lengths), np.zeros((len(ends), len(ends)))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    borders = [0, *sorted(set(ends))]
    for a, b in itertools.pairwise(borders):
        values = profiles((b - a) / 2 * nodes + (a + b) / 2)
        total += (b - a) / 2 * (values * weights) @ values.T
    return total


@given(LENGTHS)
def test_the_length_is_the_standard_deviation_of_tau_over_t(length):
    g = exponent(length)
    moments = [(g + 1) / (g + 1 + k) for k in (1, 2)]  # of tau / t, whose density is (g + 1) u^g
    assert math.sqrt(moments[1] - moments[0] ** 2) == pytest.approx(length, rel=1e-6)


def test_the_longest_average_is_the_mean_of_all():
    assert exponent(12**-0.5) == pytest.approx(0, abs=1e-6)
    assert kept(12**-0.5, 5) == pytest.approx(4 / 5)


@pytest.mark.parametrize("length", [0.0, -0.1, 0.3, math.nan, math.inf, 1e-4])
def test_lengths_that_no_average_has_are_refused(length):
    with pytest.raises(InputError, match="relative length"):
        exponent(length)


@settings(deadline=None)
@given(st.lists(st.tuples(STEPS, LENGTHS), min_size=1, max_size=4))
def test_inner_products_are_the_integrals(pairs):
    ends, lengths = map(list, zip(*pairs, strict=True))
    profiles = Profiles.of(ends, lengths)
    found, expected = profiles.inner(profiles), integrals(ends, lengths)
    scale = np.sqrt(np.diag(expected))
    assert np.allclose(found / np.outer(scale, scale), expected / np.outer(scale, scale), atol=1e-6)


@pytest.mark.parametrize("length", [0.03, 0.05, 0.1, 0.25])
def test_the_running_average_weighs_every_step_by_its_part_of_the_profile(length):
    """m is linear in the weights: with w_k the k-th unit vector it holds the weights of all steps."""
    last, m = 300, np.zeros(300)
    for step in range(1, last + 1):
        b = kept(length, step)
        m *= b
        m[step - 1] += 1 - b
    nodes, weights = np.polynomial.legendre.leggauss(40)
    parts = [Profiles.of([last], [length])((nodes + 1) / 2 + k)[0] @ weights / 2 for k in range(last)]
    assert np.allclose(m, parts, atol=1e-12) and m.sum() == pytest.approx(1)


def grid(number: int, lengths: tuple[float, ...] = (0.05, 0.1)) -> Profiles:
    return Profiles.of([1000 * k for k in range(1, number + 1) for _ in lengths], list(lengths) * number)


@pytest.mark.parametrize("number", [1, 7, 64])
def test_a_profile_among_those_kept_is_found_exactly(number):
    stored = grid(number)
    for k in range(len(stored.step)):
        weights, error = stored.weights(Profiles(stored.step[k : k + 1], stored.exponent[k : k + 1]))
        assert np.allclose(weights[:, 0], np.eye(len(stored.step))[k], atol=1e-5) and error[0] < 1e-6


def test_the_same_profile_twice_is_no_obstacle():
    stored = Profiles.of([1000, 1000, 2000], [0.05, 0.05, 0.1])
    weights, error = stored.weights(Profiles.of([1000], [0.05]))
    assert np.allclose(weights[:, 0], [0.5, 0.5, 0], atol=1e-8) and error[0] < 1e-7


@settings(deadline=None, max_examples=30)
@given(number=st.integers(1, 70), length=LENGTHS)
def test_weights_sum_to_one_and_their_error_is_that_of_the_profile(number, length):
    stored, wanted = grid(number), Profiles.of([1000 * number], [length])
    weights, error = stored.weights(wanted)
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    nodes, mass = np.polynomial.legendre.leggauss(40)
    squares = norm = 0.0
    for k in range(number):
        tau = 1000 * (k + (nodes + 1) / 2)
        squares += (weights[:, 0] @ stored(tau) - wanted(tau)[0]) ** 2 @ mass
        norm += wanted(tau)[0] ** 2 @ mass
    assert error[0] == pytest.approx(math.sqrt(squares / norm), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("number", "shortest", "longest", "error"),
    [(10, 0.04, 0.15, 0.025), (20, 0.03, 0.2, 0.03), (33, 0.03, 0.2, 0.011), (64, 0.02, 0.25, 0.015)],
)
def test_two_lengths_kept_at_some_steps_give_all_between_and_beyond(number, shortest, longest, error):
    """33 to 64 snapshots are what a run keeps; lengths of 0.03 to 0.2 are then good to about one per cent."""
    wanted = np.linspace(shortest, longest, 30).tolist()
    assert grid(number).weights(Profiles.of([1000 * number] * 30, wanted))[1].max() < error


def test_least_squares_is_no_worse_than_any_other_sum():
    rng = np.random.default_rng(0)
    stored, wanted = grid(5), Profiles.of([5000], [0.07])
    weights, (error,) = stored.weights(wanted)
    gram, right, square = stored.inner(stored), stored.inner(wanted)[:, 0], wanted.inner(wanted).item()
    for _ in range(50):
        other = weights[:, 0] + 0.01 * (change := rng.normal(size=10)) - 0.01 * change.mean()
        assert math.sqrt((other @ gram @ other - 2 * other @ right + square) / square) > error
