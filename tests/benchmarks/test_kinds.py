"""`python -m benchmarks kinds`: from small sets to a table, by `ndm train` itself; and the Gaussian it is held to."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from small import real_set
from test_command import call

from benchmarks import kinds
from benchmarks.engine.rows import read_rows
from benchmarks.kinds import Gaussian
from ndm.data.codecs import level_bits
from ndm.data.event import event_of
from ndm.data.yardsticks import gaussian, independent_gaussians


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """Tones and float images, in place of the real sets; an empty folder."""
    rng = np.random.default_rng(0)
    tones = 3000 * np.sin(np.arange(32) / rng.uniform(2, 9, (400, 1))) + 20 * rng.normal(size=(400, 32))
    floats = rng.normal(size=(400, 1, 8, 8)).cumsum(3).astype(np.float32)
    found = (
        real_set("tones", "signal", np.round(tones).astype(np.int16), dequantise=True),
        real_set("floats", "float image", floats),
        real_set("pictures", "image", rng.integers(0, 256, (400, 8, 8)).astype(np.uint8)),
    )
    monkeypatch.setattr(kinds, "SETS", {each.name: each for each in found})
    monkeypatch.chdir(tmp_path)
    return tmp_path


WORDS = "kinds --only tones floats --budget 2steps --seeds 1 --draws 2 --cache sets --out found"


def test_sets_are_trained_by_default_compared_and_written(small, capsys):
    pytest.importorskip("soundfile")
    code, out, err = call(WORDS, capsys)
    assert code == 0, err
    tones, floats = read_rows(Path("found/rows.jsonl")).values()
    with np.load("sets/tones.npz") as archive:
        k = archive["x"]
    data = kinds.build(kinds.SETS["tones"], Path("sets")).load()
    x = data.test.x
    assert len(x) == tones["num_examples"] == 40 and tones["num_fitted"] == len(data.train)
    codes = level_bits(np.floor(x).astype(np.int16), event_of((32,), None))
    assert tones["codecs"] == {"flac": codes.flac} | codes.values and {*map(tuple, np.floor(x))} <= {*map(tuple, k)}
    assert tones["independent"] == pytest.approx(independent_gaussians(data.train.x, x) / 32 / math.log(2))
    assert tones["less_gaussian"] == pytest.approx(tones["bound"] - tones["gaussian"], rel=1e-9)
    assert floats["codecs"] == {} and floats["event"] == "1x8x8" and floats["gaussian"] < floats["independent"]
    for row in (tones, floats):
        assert row["steps_trained"] == 2 and row["standard_error"] > 0 and "data" not in row["config"]
    table = Path("found/tables.md").read_text()
    assert table == out.partition("\nwritten to")[0] and "--cache" not in table and "sets" not in table.split("\n")[0]
    (line,) = (line for line in table.split("\n") if line.startswith("| tones |"))
    assert f"| {tones['codecs']['flac']:.3f} | {tones['codecs']['xz']:.3f} |" in line and "**" not in line
    assert f"| floats | float image | 1x8x8 | {floats['num_fitted']} | 40 |" in table

    before = Path("found/rows.jsonl").read_text().splitlines()
    Path("found/rows.jsonl").write_text(before[0] + "\n")
    assert call(WORDS, capsys)[0] == 0  # the training is there already: it is evaluated anew
    again = read_rows(Path("found/rows.jsonl"))
    assert again[floats["key"]]["bound"] == floats["bound"] and next(iter(again)) == tones["key"]
    rows = Path("found/rows.jsonl.gz")
    code, *_ = call(f"kinds --rows {rows} --only tones floats --budget 2steps --seeds 1 --draws 2 --out other", capsys)
    assert code == 0 and Path("other/tables.md").read_text() == table


def test_a_training_that_fails_is_told_and_the_others_go_on(small, capsys):
    pytest.importorskip("soundfile")
    Path("found/runs").mkdir(parents=True)
    Path("found/runs/tones-2steps-0").write_text("mine")
    code, out, err = call(WORDS, capsys)
    assert code == 1 and "no result for data=tones" in err and "is not a run" in err
    assert "1 jobs have no result" in out and "| floats |" in Path("found/tables.md").read_text()
    assert Path("found/runs/tones-2steps-0").read_text() == "mine"


@pytest.mark.parametrize(
    "words, said",
    [
        ("--only nothing", "'nothing'"),
        ("--only pictures", "the images pictures"),
        ("--budget soon", "a budget of 'soon'"),
        ("--seeds 0", "0 seeds"),
        ("--draws 1", "1 draws"),
    ],
)
def test_wrong_use_is_one_line(small, capsys, words, said):
    options = "--only tones" if "--only" not in words else ""
    code, _, err = call(f"kinds --out found --cache sets {options} {words}", capsys)
    assert code == 2 and said in err and err.count("\n") == 1 and not list(small.iterdir())


def test_without_soundfile_one_line_says_what_to_install(small, monkeypatch, capsys):
    monkeypatch.setitem(kinds.sys.modules, "soundfile", None)
    code, _, err = call(WORDS, capsys)
    assert code == 2 and "ndm[audio]" in err and err.count("\n") == 1 and not list(small.iterdir())


def test_a_dry_run_says_how_long(small, capsys):
    code, out, _ = call("kinds --only tones floats --seeds 2 --dry-run", capsys)
    assert code == 0 and "kinds: 4 jobs, 2400 CPU seconds" in out and not list(small.iterdir())


@pytest.fixture
def correlated() -> tuple[np.ndarray, np.ndarray]:
    """Training and other examples, (N, 2, 3)."""
    rng = np.random.default_rng(0)
    mix, scale = rng.normal(size=(6, 6)), np.array([1, 2, 30, 0.1, 5, 1])
    train, x = (scale * (rng.normal(size=(number, 6)) @ mix) + 3 for number in (200, 30))
    return train.reshape(-1, 2, 3), x.reshape(-1, 2, 3)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_the_shrunk_gaussian_is_that_of_scipy(correlated, shrinkage):
    train, x = correlated
    flat = train.reshape(-1, 6)
    covariance = np.cov(flat.T, bias=True)
    shrunk = (1 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance))
    expected = -stats.multivariate_normal(flat.mean(0), shrunk).logpdf(x.reshape(-1, 6))
    assert Gaussian(train).nats(x, shrinkage) == pytest.approx(expected, rel=1e-9)


def test_its_ends_are_the_yardsticks_of_the_library(correlated):
    train, x = correlated
    fitted = Gaussian(train)
    assert fitted.nats(x, 0.0).mean() == pytest.approx(gaussian(train, x), rel=1e-9)
    assert fitted.nats(x, 1.0).mean() == pytest.approx(independent_gaussians(train, x), rel=1e-9)


def test_fewer_examples_than_dimensions_have_a_density_once_they_are_shrunk(correlated):
    train, x = correlated
    fitted = Gaussian(train[:4])
    assert np.isfinite(fitted.nats(x, 0.5)).all()
    exact = fitted.values.copy()
    fitted.values[:3] = 0.0
    assert np.isinf(fitted.nats(x, 0.0)).all() and (np.abs(exact[:3]) < 1e-12).all()
