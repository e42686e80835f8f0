"""ndm evaluate in several processes, by gloo: the same numbers, and one end for all."""

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from calling import content, ndm
from launching import together

from ndm.bounds.nelbo import nelbo
from ndm.data import load

WORDS = "evaluate points --split train --draws 4"
ESTIMATES = f"{WORDS} --importance 2 --ode --float64"

# A velocity that is NaN beyond 50, so that the ODE of one example blows up in the process that has it.
POISONED = """
import sys, torch, ndm.cli, ndm.model
velocity = ndm.model.NeuralDiffusion.velocity
def poisoned(self, z, *rest):
    return torch.where(z.amax(1, keepdim=True) > 50, torch.nan, velocity(self, z, *rest))
ndm.model.NeuralDiffusion.velocity = poisoned
sys.exit(ndm.cli.main(sys.argv[1:]))
"""


@pytest.fixture
def place(workplace) -> Path:
    """The workplace, with more points, so that there are some chunks."""
    np.savez("many.npz", x=np.random.default_rng(1).normal(size=(250, 2)).astype(np.float32))
    np.savez("repeated.npz", x=np.tile(np.load("many.npz")["x"][:5], (50, 1)))
    return workplace


def outlier(value: float) -> None:
    """Write outlier.npz, whose 70th example lies far out: it is of the second chunk, and the second half."""
    x = np.load("many.npz")["x"]
    there = load("many.npz").split("train").x[70]
    np.savez("outlier.npz", x=np.where((x == there).all(1, keepdims=True), np.float32(value), x))


def evaluation() -> dict:
    """Every entry of the one evaluation but the times that it took."""

    def entries(found: dict, name: str = "") -> dict:
        return {
            key: value
            for k, v in found.items()
            for key, value in (entries(v, f"{name}{k}.") if isinstance(v, dict) else {f"{name}{k}": v}).items()
        }

    (path,) = Path("points/evaluations").iterdir()
    found = entries(json.loads(path.read_text()))
    return {key: value for key, value in found.items() if key not in ("seconds", "ode.seconds")}


def about(found: dict) -> dict:
    """The same, numbers to within 1e-6."""
    return {
        key: pytest.approx(value, rel=1e-6, abs=1e-6) if isinstance(value, float) else value
        for key, value in found.items()
    }


@pytest.mark.parametrize("data", ["many.npz", "repeated.npz --divergence hutchinson"])
def test_the_numbers_do_not_depend_on_the_number_of_processes(place, data) -> None:
    """Equal examples of two processes share their noise too."""
    words = f"{ESTIMATES} --data {data}"
    assert ndm(words).code == 0
    alone = about(evaluation())
    launched = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "-m",
            "ndm.cli",
            *words.split(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.count("written to") == 1 and "NELBO" in launched.stdout
    assert evaluation() == alone and alone["num_examples"] == 200


def test_processes_that_have_no_example_wait_for_the_others(place) -> None:
    words = f"{ESTIMATES} --limit 2"
    assert ndm(words).code == 0
    alone = about(evaluation())
    ends = together(3, ["-m", "ndm.cli", *words.split()], ["."] * 3)
    assert [end[0] for end in ends] == [0, 0, 0] and [end[1:] for end in ends[1:]] == [("", "")] * 2
    assert evaluation() == alone


@pytest.mark.parametrize(
    "command, folder, words, code, said",
    [
        (["-c", POISONED], ".", "--data outlier.npz --ode --probes 1", 2, "blows up at t = 0 (example"),
        (["-m", "ndm.cli"], "elsewhere", "", 2, "points"),
    ],
    ids=["an ODE blows up", "one cannot see the run"],
)
def test_what_fails_in_one_process_ends_all_with_one_line(place, command, folder, words, code, said) -> None:
    outlier(100.0)
    Path("elsewhere").mkdir()
    before = content(place)
    main, other = together(2, [*command, *WORDS.split(), *words.split()], [".", folder])
    assert main[0] == other[0] == code and main[1] == other[1] == other[2] == ""
    assert main[2].startswith("ndm: error: ") and main[2].count("\n") == 1 and said in main[2]
    assert content(place) == before


def test_an_outlier_beside_which_rounding_swallows_the_noise_is_refused(place) -> None:
    outlier(1e30)
    before = content(place)
    result = ndm(f"{WORDS} --data outlier.npz")
    assert result.code == 2 and result.err.count("\n") == 1 and "1e+30, in float32" in result.err
    assert content(place) == before


def test_a_bound_that_is_not_finite_is_said_and_not_written(place, monkeypatch) -> None:
    outlier(100.0)
    before = content(place)

    def overflowing(model, x, *arguments, **options):
        found = nelbo(model, x, *arguments, **options)
        return dataclasses.replace(found, prior=torch.where(x.abs().amax(1) > 50, math.inf, found.prior))

    monkeypatch.setattr("ndm.evaluation.estimates.nelbo", overflowing)
    result = ndm(f"{WORDS} --data outlier.npz")
    assert result.code == 1 and result.err.count("\n") == 1
    assert "NELBO is not finite for 1 of 200 examples, the first of them example 70" in result.err
    assert content(place) == before
