"""--budget: lengths of training in words, by their settings; other words are one line."""

import math
from pathlib import Path

import pytest
import yaml
from calling import TINY_MLP, ndm, write_data
from hypothesis import given
from hypothesis import strategies as st

from ndm.base.errors import InputError
from ndm.config import budget

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@given(number=st.decimals(min_value="0.001", max_value="9999", places=3), unit=st.sampled_from(sorted(UNITS)))
def test_a_length_of_time_is_its_seconds(number, unit) -> None:
    found = budget(f"{number}{unit}")
    assert list(found) == ["max_seconds"]
    assert math.isclose(found["max_seconds"], float(number) * UNITS[unit], rel_tol=1e-12)


@given(number=st.integers(1, 10**9))
def test_steps_are_whole(number) -> None:
    assert budget(f"{number}steps") == {"max_steps": number} == budget(f"{number}.0steps")


@given(words=st.text(max_size=8))
def test_other_words_are_refused(words) -> None:
    try:
        found = budget(words)
    except InputError as error:
        assert "\n" not in str(error) and "5000steps" in str(error)
    else:
        assert all(value > 0 for value in found.values())


@pytest.mark.parametrize(
    "words", ["", "10", "m", "0m", "-1m", "2 m", "2min", "1.5steps", "1e3s", "inf", "٣m", "9" * 400 + "s"]
)
def test_lengths_that_are_none(words) -> None:
    with pytest.raises(InputError, match="a length above 0, such as 90s, 10m, 2h, 1d or 5000steps"):
        budget(words)


def test_the_command_takes_it_in_place_of_the_recipes(empty) -> None:
    assert ndm(f"train moons --run run --budget 3steps {TINY_MLP}").code == 0
    values = yaml.safe_load(Path("run/config.yaml").read_text())
    assert (values["max_steps"], values["max_seconds"]) == (3, None)
    assert "trained for 5 steps" in ndm(f"train moons --run run --budget 5steps {TINY_MLP}").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--budget soon", "got a budget of 'soon'; expected a length above 0, such as 90s, 10m, 2h, 1d or 5000steps"),
        (
            "--budget 5steps --max-seconds 3",
            "got --budget 5steps and --max-seconds; expected one of them; leave one out",
        ),
    ],
)
def test_wrong_budgets_are_one_line(empty, words, said) -> None:
    result = ndm(f"train moons --run run {words}")
    assert result.code == 2 and result.err.startswith(f"ndm: error: {said}") and result.err.count("\n") == 1
    assert not Path("run").exists()


def test_a_budget_that_is_spent_is_said(empty):
    write_data(empty)
    words = f"train points.npz --run run --threads 1 {TINY_MLP}"

    def resuming(budget: str) -> str:
        (line,) = [line for line in ndm(f"{words} --budget {budget}").out.splitlines() if line.startswith("resuming")]
        return line

    assert ndm(f"{words} --budget 0.2s").code == 0
    assert resuming("0.1s").endswith("; its budget is spent, and a longer --budget would go on")
    assert resuming("0.6s").endswith(" s of training so far)")
