"""`python -m benchmarks straightening`: what is measured of paths, and what is written."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_command import call

import ndm
from benchmarks import straightening
from benchmarks.engine.plan import Block, Case
from benchmarks.engine.rows import read_rows
from benchmarks.engine.tables import frame, mean
from benchmarks.engine.workers import Workers
from benchmarks.straightening import PathJob, configuration, figures
from ndm.data import Split, load
from ndm.evaluation import wasserstein

STUDY = Case("moons", blocks=(Block((None,), ("F = identity", "learned F, weight 1"), seeds=2, seconds=0.2),))


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """A plan of moments, few paths, and an empty folder."""
    monkeypatch.setattr(straightening.Straightening, "plan", (STUDY,))
    monkeypatch.setattr(straightening, "NUMBER", 20)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Workers, "map", lambda self, function, jobs: ((j, function(j)) for j in jobs))
    return tmp_path


def test_files_tables_and_the_picture(small, capsys) -> None:
    code, out, err = call("straightening --out found", capsys)
    assert code == 0, err
    kept = list(read_rows(Path("found/rows.jsonl.gz")).values())
    assert [bool(row["paths"]) for row in kept] == [row["seed"] == 0 for row in kept]
    for _, cell in frame(kept).groupby("kinetic_weight", dropna=False):
        energy, displacement, straightness = (mean(cell, n) for n in ("energy", "displacement", "straightness"))
        assert energy.value == pytest.approx(displacement.value + straightness.value)
        assert energy.error > 0 and mean(cell, "floor").value > 0
    table = Path("found/tables.md").read_text()
    assert "exact OT" in table and "W2², 4 steps" in table and "| | F = identity | learned F, weight 1 |" in table
    assert Path("found/paths.png").read_bytes().startswith(b"\x89PNG")
    assert "straightness" in out
    before = Path("found/rows.jsonl").read_bytes()
    assert call("straightening --out found", capsys)[0] == 0
    assert Path("found/rows.jsonl").read_bytes() == before  # nothing is done twice


def test_the_optimal_transport_of_a_shift() -> None:
    """A model of one point far away: every path is the straight line to it, whose cost is the exact one."""
    data = load("checkerboard")
    point = torch.tensor([3.0, -1.0])
    model = ndm.NeuralDiffusion(
        ndm.schedules.FlowSchedule(1e-3),
        ndm.IdentityTransform(),
        lambda z, t, cond: point.expand_as(z),
        ndm.GaussianDecoder(),
    )
    found = figures(model, replace(data, test=Split(x=np.tile(point.numpy(), (50, 1)))), 0)
    assert found["straightness"] == pytest.approx(0, abs=1e-3)
    assert found["energy"] == pytest.approx(found["optimal"], rel=2e-2)
    assert found["w2"] < 1e-4 and all(value < 1e-4 for value in found["few"].values())
    assert np.array(found["paths"]).shape == (80, 25, 2)


def test_contenders_differ_in_the_path_alone() -> None:
    plain, learned = (configuration(PathJob("moons", weight, 1.0, 0)) for weight in (None, 0.5))
    assert learned.kinetic_weight == 0.5 and plain.kinetic_weight == 0
    assert learned == replace(plain, transform="series", predictor="plug_in", volatility="random", kinetic_weight=0.5)


def test_without_the_package_one_line_says_what_to_install(small, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    code, _, err = call("straightening --out found", capsys)
    assert code == 2 and "ndm[peers]" in err and not Path("found").exists()


def test_exact_transport_against_sorting_on_a_line() -> None:
    """In one dimension the optimal coupling is that of the sorted points."""
    x, y = torch.randn(40, 1), 2 * torch.randn(40, 1) + 1
    expected = (x.sort(0).values - y.sort(0).values).square().mean()
    assert wasserstein.squared_wasserstein(x, y) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    "words, said", [("--data mars", "mars"), ("--scale 0", "scale = 0"), ("--workers 0", "0 workers")]
)
def test_wrong_use_is_refused(small, capsys, words, said) -> None:
    code, _, err = call(f"straightening --out found {words}", capsys)
    assert code == 2 and said in err and not Path("found").exists()
