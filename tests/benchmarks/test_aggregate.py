"""The arithmetic of the tables, against numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import JOB, row

from ndm.benchmarks.comparison.aggregate import Cell, cells, difference, mean, reference
from ndm.benchmarks.comparison.dots import dots
from ndm.benchmarks.comparison.figure import picture
from ndm.benchmarks.comparison.quality import energy_distance
from ndm.benchmarks.comparison.tables import markdown


def cell(contender: str, timesteps: int | None, shifts: list[float]) -> Cell:
    job = replace(JOB, contender=contender, timesteps=timesteps)
    (made,) = cells(
        [
            row(job, seed, shift) | {"num_examples": 20, "steps_trained": 9, "ms_per_step": 1.5, "parameters": 12345}
            for seed, shift in enumerate(shifts)
        ]
    )
    return made


def test_mean_and_standard_error():
    values = [1.0, 4.0, 2.5]
    assert mean(values).value == pytest.approx(np.mean(values))
    assert mean(values).error == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    assert mean([2.0]).value == 2.0 and mean([2.0]).error is None


def test_differences_are_paired_by_seed_and_example():
    """The rows of a seed share their examples' noise, which a paired difference does not see."""
    shifts = [0.1, 0.2, 0.6]
    found = difference(cell("identity", 4, shifts), cell("default", 4, [0.0] * 3))
    assert found.value == pytest.approx(0.3) and found.seeds == 3
    assert found.error_over_seeds == pytest.approx(np.std(shifts, ddof=1) / np.sqrt(3))
    assert found.error_over_examples == pytest.approx(0.0, abs=1e-12)
    assert not found.is_clear and difference(cell("identity", 4, [0.3, 0.31]), cell("default", 4, [0, 0])).is_clear
    assert not difference(cell("identity", 4, [0.3]), cell("default", 4, [0.0])).is_clear


def test_a_cell_is_compared_with_the_default_or_else_with_its_path():
    shifts = [0.0, 0.1]
    default, identity, scaling, in_the_limit = (
        cell(name, time, shifts)
        for name, time in (("default", 4), ("identity", 4), ("scaling", None), ("identity", None))
    )
    own = [identity, default, scaling, in_the_limit, cell("scaling", 4, shifts)]
    assert reference(own, identity) is default and reference(own, own[-1]) is default
    assert reference(own, in_the_limit) is scaling
    assert reference(own, default) is None and reference(own, scaling) is None
    assert reference([identity], identity) is None


def test_rows_that_diverged_are_counted_and_left_out():
    (made,) = cells([row(JOB, 0), row(JOB, 2), {**row(JOB, 1), "failed": "diverged"}])
    assert [row["seed"] for row in made.rows] == [0, 2] and made.diverged == 1


def test_the_tables_say_what_they_should():
    made = [
        cell(name, time, shifts)
        for name, time, shifts in (
            ("default", 4, [1.0, 1.0]),
            ("identity", 4, [3.0, 3.1]),
            ("default", 64, [0.5, 0.5]),
            ("identity", 64, [1.2, 1.2]),
        )
    ]
    text = markdown(made, {("moons", "default", False): 2.0}, {})
    default, identity = (cell.mean("total") for cell in made[:2])
    assert f"| default | {default.value:.3f} ± {default.error:.3f} |" in text
    assert f"| identity | {identity.value:.3f} ± {identity.error:.3f} |" in text
    assert "**+2.050 ± 0.050** (0.000)" in text and "at **T = 4**" in text and "default 2" in text


def test_pictures_are_drawn_with_and_without_contenders():
    made = [
        cell(name, time, [shift, shift + 0.1])
        for shift, name in enumerate(("scaling", "identity", "residual"))
        for time in (4, None)
    ]
    for draw in (picture, dots):
        assert draw(made)[:4] == b"\x89PNG" and draw(made) != draw(made[:4])
        assert draw(made[:1])[:4] == b"\x89PNG"


def test_energy_distance_in_closed_form():
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [4.0], [5.0]])
    across = np.mean([1, 4, 5, 1, 2, 3])
    assert energy_distance(x, y) == pytest.approx(2 * across - 2 - np.mean([3, 4, 1]), abs=1e-12)
    assert energy_distance(x, x) == pytest.approx(2 * 1.0 - 2.0 - 2.0, abs=1e-12)  # unbiased: it may be below 0


def test_energy_distance_of_two_samples_of_one_distribution_is_zero_on_average():
    generator = torch.Generator().manual_seed(0)
    found = np.array([energy_distance(*torch.randn(2, 8, 3, generator=generator)) for _ in range(400)])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found)) and found.min() < 0 < found.max()
