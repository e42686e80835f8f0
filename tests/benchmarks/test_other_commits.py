"""Studies against another commit: of a training step, and of what a command costs before it works."""

from pathlib import Path

import pytest

from benchmarks import startup, step

ROOT = Path(step.__file__).parents[1]


def test_a_checkout_beside_itself_is_measured_on_both_sides():
    row = step.measure(["moons"], [ROOT, ROOT], repeats=1)
    assert row["ratio"] == row["ratios"][0] == pytest.approx(row["ms"][1] / row["ms"][0])
    assert all(whole > part > 0 for whole, part in zip(row["ms"], row["network_ms"], strict=True))
    assert all(mib > 100 for mib in row["mib"])


def test_a_training_that_ends_says_why():
    with pytest.raises(RuntimeError, match=r"got data 'unheard'"):
        step.measure(["unheard"], [ROOT, ROOT], repeats=1)


def test_a_call_is_timed_and_what_it_loads_is_named(tmp_path):
    assert startup.cpu_seconds(["-c", "pass"], ROOT, tmp_path) > 0
    assert startup.heavy(["-c", "import numpy"], ROOT, tmp_path) == "numpy"
    assert startup.heavy(["-m", "ndm.cli", "--help"], ROOT, tmp_path) == "none of them"
