"""ndm evaluate --ode and --importance: what is written, on screen, and refused."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from calling import content, ndm, written

BASE = "--draws 2 --limit 5"


def evaluated(run: str, words: str) -> dict:
    result = ndm(f"evaluate {run} {BASE} {words}")
    assert result.code == 0, result.err
    found: dict = json.loads(Path(run, "evaluation.json").read_text())
    return found | {"screen": result.out}


def test_the_density_of_points_is_exact_by_default(workplace) -> None:
    found = evaluated("points", "--ode")
    ode = found["ode"]
    assert ode["divergence"] == "exact" and ode["dequantisation"] == "none" and ode["dtype"] == "float32"
    assert ode["total"] < found["nelbo"]["total"] + 1 and ode["standard_error"] > 0
    assert 1 < ode["evaluations"]["mean"] <= ode["evaluations"]["most"] and ode["round_trip_error"] < 0.05
    assert "-log p, ODE" in found["screen"] and "dopri5" in found["screen"]
    again = evaluated("points", "--ode --float64 --rtol 1e-8 --atol 1e-8")["ode"]
    assert again["dtype"] == "float64" and again["round_trip_error"] < 1e-4
    assert again["total"] == pytest.approx(ode["total"], abs=1e-2)


def test_the_density_of_images_says_how_it_was_dequantised(workplace) -> None:
    words = "--ode --solver heun2 --ode-steps 4 --probes 2 --dequantisation"
    for name, said in (("uniform", "uniform"), ("posterior", "q(z_0 | x)")):
        ode = evaluated("images", f"{words} {name} --dequantisation-draws 2")["ode"]
        assert ode["dequantisation"] == said and ode["draws"] == 2 and ode["divergence"].startswith("hutchinson")
        assert ode["evaluations"] == {"mean": 8.0, "most": 8} and ode["standard_error_of_estimate"] > 0


def test_the_error_of_repeated_examples_is_the_spread_over_seeds(workplace) -> None:
    """40 images, 4 of them distinct: equal ones share their noise, which never averages out over them."""
    four = np.random.default_rng(1).integers(0, 256, (4, 8, 8)).astype(np.uint8)
    np.savez("four.npz", x=np.tile(four, (15, 1, 1)))
    words = "--data four.npz --split train --draws 2 --limit 40 --ode --solver euler --ode-steps 1"

    def ode(more: str) -> dict:
        found: dict = written(ndm(f"evaluate images {words} {more}"))["ode"]
        return found

    found = [ode(f"--seed {seed}") for seed in range(16)]
    spread = np.std([one["total"] for one in found], ddof=1)
    stated = math.sqrt(np.mean([one["standard_error_of_estimate"] ** 2 for one in found]))
    assert 0.6 < spread / stated < 1.6 and all(
        one["standard_error"] >= one["standard_error_of_estimate"] > 0 for one in found
    )
    assert ode("--dequantisation-draws 16")["standard_error_of_estimate"] < stated / 2


def test_an_error_that_cannot_be_told_is_said(workplace) -> None:
    words = "--ode --solver euler --ode-steps 1 --probes"
    for run in ("images", "points"):
        single, double = (evaluated(run, f"{words} {probes}") for probes in (1, 2))
        assert single["ode"]["standard_error_of_estimate"] is None and single["ode"]["standard_error"] > 0
        assert "noise of its draws and probes is unknown" in single["screen"]
        assert double["ode"]["standard_error_of_estimate"] > 0 and "which alone is" in double["screen"]
    exact = evaluated("points", "--ode")
    assert exact["ode"]["standard_error_of_estimate"] == 0 and "noise of" not in exact["screen"]


def test_importance_weights(workplace) -> None:
    weighted = evaluated("chain", "--importance 8")["importance"]
    assert weighted["timesteps"] == 4 and weighted["draws"] == 8 and 1 <= weighted["effective_draws"] <= 8
    found = evaluated("points", "--importance 2")
    assert found["importance"]["timesteps"] == 100 and "importance-weighted" in found["screen"]
    assert evaluated("points", "")["importance"] is None


def test_transport_stands_beside_the_exact_one(workplace) -> None:
    found = evaluated("points", "--transport")
    paths = found["transport"]
    assert paths["energy"] == pytest.approx(paths["displacement"] + paths["straightness"], rel=1e-4)
    assert paths["energy"] >= paths["straightness"] > 0 and paths["paths"] == 5
    assert min(paths[name] for name in ("optimal", "w2", "floor", "energy_standard_error")) > 0
    assert "the exact optimal transport" in found["screen"]
    assert evaluated("points", "")["transport"] is None


def test_transport_names_the_package_that_it_needs(workplace, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    before = content(workplace)
    result = ndm(f"evaluate points {BASE} --transport")
    assert result.code == 2 and "ndm[peers]" in result.err and content(workplace) == before


@pytest.mark.parametrize(
    "words, said",
    [
        ("--ode --solver euler2", "euler2"),
        ("--ode --rtol 0", "rtol = 0"),
        ("--ode --rtol -1e-3", "rtol = -0.001"),
        ("--ode --rtol nan", "rtol = nan"),
        ("--ode --atol inf", "atol = inf"),
        ("--ode --atol 2", "atol = 2.0; expected a finite number, above 0, at most 1"),
        ("--ode --rtol 1e-12", "compute in float64"),
        ("--ode --atol 1e-12", "compute in float64"),
        ("--ode --float64 --rtol 1e-16", "rtol = 1e-16 in torch.float64"),
        ("--ode --ode-steps 5", "chooses its own"),
        ("--ode --solver rk4 --atol 1e-3", "a number of steps alone"),
        ("--ode --solver rk4 --ode-steps 0", "steps = 0"),
        ("--ode --solver rk4 --ode-steps -3", "steps = -3"),
        ("--ode --solver rk4 --ode-steps 999999999", "steps = 999999999"),
        ("--ode --divergence half", "half"),
        ("--ode --divergence exact --probes 3", "probes"),
        ("--ode --probes 0", "num_probes = 0"),
        ("--ode --dequantisation half", "'half'"),
        ("--ode --dequantisation-draws 0", "0 draws"),
        ("--ode --seed -1", "seed = -1"),
        ("--ode --dequantisation uniform", "real values"),
        ("--ode --dequantisation-draws 3", "not dequantised"),
        ("--rtol 1e-3", "without --ode"),
        ("--solver rk4", "--solver without --ode"),
        ("--dequantisation-draws 2", "without --ode"),
        ("--float64", "--float64 without --ode"),
        ("--importance 0", "importance = 0"),
        ("--importance 999999999", "draws = 999999999"),
        ("--importance 2 --timesteps 9999999", "timesteps = 9999999"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_computed(workplace, words, said, monkeypatch) -> None:
    monkeypatch.setattr("ndm.evaluation.estimates.ode_likelihood", lambda *_, **__: pytest.fail("integrated in vain"))
    if words.startswith("--ode"):
        monkeypatch.setattr("ndm.evaluation.estimates.nelbo", lambda *_, **__: pytest.fail("evaluated in vain"))
    before = content(workplace)
    result = ndm(f"evaluate points {BASE} {words}")
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1
    assert content(workplace) == before


@pytest.mark.parametrize("sampler", ["ancestral", "deterministic", "heun", "multistep", "exponential", "ode"])
def test_every_sampler_draws(workplace, sampler) -> None:
    result = ndm(f"sample points --num 3 --sampler {sampler} --out x.npz")
    assert result.code == 0 and Path("x.npz").exists(), result.err
