"""The arithmetic of the tables, against numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pandas import DataFrame
from small import JOB, row

from benchmarks import density
from benchmarks.ablations import dots
from benchmarks.engine.comparison import compared, difference, minus_reference, with_failures
from benchmarks.engine.quality import energy_distance
from benchmarks.engine.tables import done, frame, grid, listing, mean, text
from benchmarks.pays import PAIR, Pays, picture, section


def rows(contender: str, timesteps: int | None, shifts: list[float]) -> list[dict]:
    job = replace(JOB, contender=contender, timesteps=timesteps)
    figures = {"num_examples": 20, "steps_trained": 9, "ms_per_step": 1.5, "parameters": 12345}
    return [row(job, seed, shift) | figures for seed, shift in enumerate(shifts)]


def whole(*groups: list[dict]) -> DataFrame:
    """All rows, compared with their references."""
    return compared(minus_reference([row for group in groups for row in group], Pays.method.references))


def paired(*groups: list[dict]) -> list[DataFrame]:
    """The cells of these rows, a cell each."""
    return [cell for _, cell in whole(*groups).groupby(["contender", "timesteps"], sort=False)]


def test_mean_and_standard_error():
    values = [1.0, 4.0, 2.5]
    found = mean(frame([{"total": value} for value in values]), "total")
    assert found.value == pytest.approx(np.mean(values))
    assert found.error == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    (single,) = [mean(frame([{"total": 2.0}, {"total": 9.0, "failed": "diverged"}, {"other": 1.0}]), "total")]
    assert single.value == 2.0 and single.error is None
    assert mean(frame([{"other": 1.0}]), "total") is None and text(frame([{"other": 1.0}]), "total") == ""


def test_tables_have_a_line_for_each_name_as_it_appears_and_columns_in_order():
    rows = [{"who": "b", "steps": 10, "of": {"x": 2.0}}, {"who": "b", "steps": 9}, {"who": "a", "steps": 9}]
    found = frame(rows)
    made = grid(found, "who", "steps", lambda cell: text(cell, "of.x", 1), head="{} steps".format)
    assert made == "| | 9 steps | 10 steps |\n|---|---|---|\n| b |  | 2.0 |"  # nothing is known of a
    assert (
        listing(found, "who", {"number": lambda cell: str(len(cell))})
        == "| | number |\n|---|---|\n| b | 2 |\n| a | 1 |"
    )


def test_differences_are_paired_by_seed_and_example():
    """The rows of a seed share their examples' noise, which a paired difference does not see."""
    shifts = [0.1, 0.2, 0.6]
    found = difference(paired(rows("default", 4, [0.0] * 3), rows("identity", 4, shifts))[1])
    assert found.value == pytest.approx(0.3)
    assert found.error == pytest.approx(np.std(shifts, ddof=1) / np.sqrt(3))
    assert found.error_over_examples == pytest.approx(0.0, abs=1e-12)
    assert not found.is_clear
    assert difference(paired(rows("default", 4, [0, 0]), rows("identity", 4, [0.3, 0.31]))[1]).is_clear
    assert not difference(paired(rows("default", 4, [0.0]), rows("identity", 4, [0.3]))[1]).is_clear


def test_the_error_over_examples_is_that_of_the_mean_over_seeds_of_the_differences():
    ours, others = rows("default", 4, [0.0] * 3), rows("identity", 4, [0.0] * 3)
    noise = np.random.default_rng(7).normal(size=(3, 20))
    for each, own in zip(others, noise, strict=True):
        each["per_example"] = list(np.add(each["per_example"], own))
    over_seeds = noise.mean(0)  # what is left of the pairs, for each example
    found = difference(paired(ours, others)[1])
    assert found.error_over_examples == pytest.approx(np.std(over_seeds, ddof=1) / np.sqrt(20))


def test_only_seeds_that_both_have_are_compared():
    first, second = rows("default", 4, [0.0, 0.0, 0.0]), rows("identity", 4, [0.1, 0.2, 0.6])
    first[2]["failed"] = "diverged"
    assert difference(paired(first, second)[1]).value == pytest.approx(0.15)
    first[0]["failed"] = first[1]["failed"] = "diverged"
    assert difference(paired(first, second)[1]) is None


def test_a_cell_is_compared_with_the_default_or_else_with_its_path():
    kinds = (("default", 4, 0.0), ("identity", 4, 0.5), ("scaling", None, 0.0), ("identity", None, 0.25))
    found = paired(*(rows(name, time, [shift] * 2) for name, time, shift in (*kinds, ("scaling", 4, 1.0))))
    values = [less and round(less.value, 6) for less in map(difference, found)]
    assert values == [None, 0.5, None, 0.25, 1.0]
    assert difference(paired(rows("identity", 4, [0.0]))[0]) is None


def test_rows_that_diverged_are_counted_and_left_out():
    made = compared([row(JOB, 0), row(JOB, 2), {**row(JOB, 1), "failed": "diverged"}])
    assert list(done(made)["seed"]) == [0, 2] and with_failures(made, "x") == "x (1 diverged)"


def test_the_tables_say_what_they_should():
    made = whole(
        rows("default", 4, [1.0, 1.0]),
        rows("identity", 4, [3.0, 3.1]),
        rows("default", 64, [0.5, 0.5]),
        rows("identity", 64, [1.2, 1.2]),
    )
    said = "\n".join(section(made, {("moons", "default", False): 2.0}))
    default, identity = (mean(made[(made["contender"] == n) & (made["timesteps"] == 4)], "total") for n in PAIR)
    assert f"| default | {default.value:.3f} ± {default.error:.3f} |" in said
    assert f"| identity | {identity.value:.3f} ± {identity.error:.3f} |" in said
    assert "**+2.050 ± 0.050** (0.000)" in said and "at **T = 4**" in said and "default 2" in said


def test_pictures_are_drawn_with_and_without_contenders():
    names = ("scaling", "identity", "residual")
    made = whole(*(rows(n, time, [i, i + 0.1]) for i, n in enumerate(names) for time in (4, None)))
    for draw in (picture, dots):
        assert draw(made)[:4] == b"\x89PNG" and draw(made) != draw(made[made["contender"] != "residual"])
        assert draw(made[:2])[:4] == b"\x89PNG"


def test_where_all_diverge_the_tables_say_so_and_pictures_are_drawn():
    made = rows("default", 4, [0.0, 0.0]) + rows("identity", None, [0.0, 0.0])
    told = ("key", "data", "contender", "timesteps", "seconds", "steps", "seed", "unit")
    failed = whole([{name: row[name] for name in told} | {"failed": "diverged"} for row in made])
    said = section(failed, {})
    assert "No training came to its end." in said
    assert any("| default |  (2 diverged) |  |" in part and "| identity |  |  (2 diverged) |" in part for part in said)
    assert all(
        draw(failed)[:4] == b"\x89PNG" for draw in (picture, dots, density.output.picture, density.output.scatter)
    )
    assert density.output.section(failed, {})[1] == "No training came to its end."


def test_energy_distance_in_closed_form():
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [4.0], [5.0]])
    across = np.mean([1, 4, 5, 1, 2, 3])
    assert energy_distance(x, y) == pytest.approx(2 * across - 2 - np.mean([3, 4, 1]), abs=1e-12)
    assert energy_distance(x, x) == pytest.approx(2 * 1.0 - 2.0 - 2.0, abs=1e-12)  # unbiased: it may be below 0


def test_energy_distance_of_two_samples_of_one_distribution_is_zero_on_average():
    generator = torch.Generator().manual_seed(0)
    found = np.array([energy_distance(*torch.randn(2, 8, 3, generator=generator)) for _ in range(400)])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found)) and found.min() < 0 < found.max()
