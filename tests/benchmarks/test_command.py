"""`ndm benchmark` from end to end, on a plan of seconds."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import PLAN

from ndm.benchmarks import benchmarks, pays
from ndm.benchmarks.comparison.execute import configuration, execute
from ndm.benchmarks.comparison.plan import measurements
from ndm.cli import main
from ndm.data import load
from ndm.training.trainer import Trainer


def call(words: str, capsys) -> tuple[int, str, str]:
    """Exit code, what was printed, and what was complained about."""
    code = main(words.split())
    return code, *capsys.readouterr()


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """`ndm benchmark pays` with the small plan; an empty folder."""
    monkeypatch.setattr(pays.Pays, "plan", PLAN)
    return tmp_path / "out"


def test_a_plan_is_run_written_and_resumed(small, capsys):
    code, out, _ = call(f"benchmark pays --out {small} --workers 1", capsys)
    assert code == 0 and "results.json" in out
    lines = (small / "rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["key"] for row in rows] == [job.key for job in measurements(PLAN, {}, {})]
    for row in rows:
        assert len(row["per_example"]) == row["num_examples"] == 40 and row["steps_trained"] == 3
        assert np.mean(row["per_example"]) == pytest.approx(row["total"], abs=1e-4)
        assert row["total"] == pytest.approx(row["prior"] + row["diffusion"] + row["reconstruction"], rel=1e-5)
        ways = {"ancestral, 2 steps"} if row["timesteps"] else {f"deterministic, {2**k} steps" for k in range(6)}
        assert set(row["energy_distance"]) == ways | {"floor"}
    results = json.loads((small / "results.json").read_text())
    assert {(cell["contender"], cell["timesteps"]) for cell in results["cells"]} == {
        (name, time) for name in ("default", "identity") for time in (2, None)
    }
    (machine,) = results["machines"]
    assert results["missing"] == 0 and machine["torch"] and all(row["machine"] == machine for row in rows)
    assert f"code {machine['code']}." in (small / "tables.md").read_text()
    assert (small / "figure.png").read_bytes()[:4] == b"\x89PNG" and "| identity |" in (small / "tables.md").read_text()

    (small / "rows.jsonl").write_text("".join(line + "\n" for line in lines[:-1]) + lines[-1][:30])
    code, _, err = call(f"benchmark pays --out {small} --workers 1", capsys)
    again = (small / "rows.jsonl").read_text().splitlines()
    assert code == 0 and f"1 of {len(lines)} to do" in err and again[:-1] == lines[:-1]
    assert json.loads(again[-1])["total"] == pytest.approx(rows[-1]["total"], rel=1e-6)

    stale = [json.loads(line) for line in again]
    stale[0]["config"]["clip"] = 7.0
    (small / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stale))
    code, _, err = call(f"benchmark pays --out {small} --workers 1", capsys)
    assert code == 2 and "another clip" in err and err.count("\n") == 1

    for lost in ("total", "config", "machine"):
        stale = [json.loads(line) for line in again]
        del stale[1][lost]
        (small / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stale))
        code, _, err = call(f"benchmark pays --out {small} --workers 1", capsys)
        assert code == 2 and f"lacks {lost};" in err and stale[1]["key"] in err and err.count("\n") == 1


def test_training_that_diverges_is_a_row(monkeypatch):
    def diverge(trainer: Trainer) -> bool:
        raise FloatingPointError("the diffusion term is not finite at step 7; its batch is saved in x.npz")

    monkeypatch.setattr(Trainer, "fit", diverge)
    row = execute(measurements(PLAN, {}, {})[0])
    assert row["failed"] == "the diffusion term is not finite at step 7" and "total" not in row


def test_the_clock_decides_when_training_ends(tmp_path):
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            self.now += 1.0
            return self.now

    config = replace(configuration(measurements(PLAN, {}, {})[0]), max_steps=None, max_seconds=5.0)
    trainer = Trainer(config, load("moons"), tmp_path / "run", clock=Clock())
    assert trainer.fit() and trainer.step == 5 and trainer.seconds == 5.0


def test_a_dry_run_says_how_much_there_is_and_does_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pays", "ablations"):
        code, out, err = call(f"benchmark {name} --dry-run", capsys)
        assert code == 0 and "hours on 2 workers" in out and err == "" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        ("benchmark", ("no name of a benchmark", "pays")),
        ("benchmark nope", ("'nope'", "ablations", "pays")),
        ("benchmark pays --data nope", ("'nope'", "digits")),
        ("benchmark pays --timesteps 3", ("timesteps 3", "0: continuous")),
        ("benchmark pays --scale 0", ("scale = 0.0",)),
        ("benchmark pays --workers 0", ("0 workers",)),
    ],
)
def test_wrong_use_is_one_line(words, fragments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(words, capsys)
    assert code == 2 and out == "" and err.startswith("ndm: error: got ") and err.count("\n") == 1
    assert all(fragment in err for fragment in fragments) and not list(tmp_path.iterdir())


def test_benchmarks_are_found_by_their_file():
    known = benchmarks()
    assert known["pays"] is pays.Pays and "ablations" in known and "comparison" not in known
    assert all("ndm.benchmarks" in kind.__module__ for kind in known.values()) and "ndm.benchmarks.pays" in sys.modules
