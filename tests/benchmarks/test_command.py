"""`python -m benchmarks` from end to end, on a plan of seconds."""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from joblib.externals.loky import process_executor
from small import PLAN

from benchmarks import pays
from benchmarks.__main__ import main, studies, study
from benchmarks.engine.comparison import compared
from benchmarks.engine.plan import measurements
from benchmarks.engine.rows import read_rows
from benchmarks.engine.tables import done
from benchmarks.engine.training import configuration, execute
from benchmarks.engine.workers import in_new_process
from ndm.data import load
from ndm.training.trainer import Trainer


def call(words: str, capsys) -> tuple[int, str, str]:
    """Exit code, what was printed, and what was complained about."""
    code = main(words.split())
    return code, *capsys.readouterr()


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """`python -m benchmarks pays` with the small plan; an empty folder."""
    monkeypatch.setattr(pays.Pays, "plan", PLAN)
    return tmp_path / "out"


def test_a_plan_is_run_written_and_resumed(small, capsys):
    code, out, _ = call(f"pays --out {small} --workers 1", capsys)
    assert code == 0 and "tables.md" in out and "| identity |" in out
    lines = (small / "rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["key"] for row in rows] == [job.key for job in measurements(PLAN, {})]
    for row in rows:
        assert len(row["per_example"]) == row["num_examples"] == 40 and row["steps_trained"] == 3
        assert np.mean(row["per_example"]) == pytest.approx(row["total"], abs=1e-4)
        assert row["total"] == pytest.approx(row["prior"] + row["diffusion"] + row["reconstruction"], rel=1e-5)
        ways = {"ancestral, 2 steps"} if row["timesteps"] else {f"deterministic, {2**k} steps" for k in range(6)}
        assert set(row["energy_distance"]) == ways | {"floor"}
    kept = list(read_rows(small / "rows.jsonl.gz").values())
    cells = dict(iter(compared(kept).groupby(["contender", "timesteps"])))
    assert cells.keys() == {(name, time) for name in ("default", "identity") for time in (2, math.inf)}
    assert all(len(done(cell)) == 2 for cell in cells.values())
    assert not any({"config", "per_example"} & row.keys() for row in kept)
    machine = rows[0]["machine"]
    assert machine["torch"] and all(row["machine"] == machine for row in rows)
    assert f"code {machine['code']}." in (small / "tables.md").read_text()
    assert (small / "figure.png").read_bytes()[:4] == b"\x89PNG" and "| identity |" in (small / "tables.md").read_text()

    (small / "rows.jsonl").write_text("".join(line + "\n" for line in lines[:-1]) + lines[-1][:30])
    code, _, err = call(f"pays --out {small} --workers 1", capsys)
    again = (small / "rows.jsonl").read_text().splitlines()
    assert code == 0 and f"1 of {len(lines)} to do" in err and again[:-1] == lines[:-1]
    assert json.loads(again[-1])["total"] == pytest.approx(rows[-1]["total"], rel=1e-6)

    stale = [json.loads(line) for line in again]
    stale[0]["config"]["clip"] = 7.0
    (small / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stale))
    code, _, err = call(f"pays --out {small} --workers 1", capsys)
    assert code == 2 and "another clip" in err and err.count("\n") == 1

    for lost in ("total", "config", "machine"):
        stale = [json.loads(line) for line in again]
        del stale[1][lost]
        (small / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stale))
        code, _, err = call(f"pays --out {small} --workers 1", capsys)
        assert code == 2 and f"lacks {lost};" in err and stale[1]["key"] in err and err.count("\n") == 1


def test_training_that_diverges_is_a_row(monkeypatch):
    def diverge(trainer: Trainer) -> bool:
        raise FloatingPointError("the diffusion term is not finite at step 7; its batch is saved in x.npz")

    monkeypatch.setattr(Trainer, "fit", diverge)
    row = execute(measurements(PLAN, {})[0])
    assert row["failed"] == "the diffusion term is not finite at step 7" and "total" not in row


def test_the_clock_decides_when_training_ends(tmp_path):
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            self.now += 1.0
            return self.now

    config = replace(configuration(measurements(PLAN, {})[0]), max_steps=None, max_seconds=5.0)
    trainer = Trainer(config, load("moons"), tmp_path / "run", clock=Clock())
    assert trainer.fit() and trainer.step == 5 and trainer.seconds == 5.0


def test_a_dry_run_says_how_much_there_is_and_does_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pays", "ablations"):
        code, out, err = call(f"{name} --dry-run", capsys)
        assert code == 0 and "hours on 2 workers" in out and err == "" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        ("", ("no name of a study", "pays")),
        ("nope", ("'nope'", "ablations", "pays")),
        ("pays --data nope", ("'nope'", "digits")),
        ("pays --timesteps 3", ("timesteps 3", "0: continuous")),
        ("pays --scale 0", ("scale = 0.0",)),
        ("pays --workers 0", ("0 workers",)),
    ],
)
def test_wrong_use_is_one_line(words, fragments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(words, capsys)
    assert code == 2 and out == "" and err.startswith("benchmarks: error: got ") and err.count("\n") == 1
    assert all(fragment in err for fragment in fragments) and not list(tmp_path.iterdir())


def test_options_that_are_not_there_are_one_line(capsys):
    code, out, err = call("pays --nope 3", capsys)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert "--nope" in err and "see python -m benchmarks pays --help" in err


def test_kept_rows_say_what_the_run_said(small, tmp_path, capsys):
    """Written anew, elsewhere, from the kept rows alone: the same bytes."""
    assert call(f"pays --out {small} --workers 1", capsys)[0] == 0
    code, *_ = call(f"pays --rows {small / 'rows.jsonl.gz'} --out {tmp_path / 'again'}", capsys)
    written = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert code == 0 and set(written) == {"rows.jsonl.gz", "tables.md", "figure.png"}
    assert all((small / name).read_bytes() == content for name, content in written.items())
    code, _, err = call(f"pays --rows {tmp_path / 'none.gz'} --out {tmp_path / 'never'}", capsys)
    assert code == 2 and "none.gz" in err and err.count("\n") == 1 and not (tmp_path / "never").exists()


def test_studies_are_found_by_their_file_and_none_is_imported_for_the_list(capsys):
    assert {"pays", "ablations", "density", "compute"} <= studies().keys() and not {
        "engine",
        "peers",
    } & studies().keys()
    assert all(studies().values()) and study("pays") is pays.Pays
    code, out, _ = call("--help", capsys)
    assert code == 0 and all(name in out for name in studies())
    assert main(["pays", "--help"]) == 0 and "--timesteps" in capsys.readouterr().out


def test_the_module_runs_as_a_program():
    root = Path(pays.__file__).parents[1]
    ran = subprocess.run([sys.executable, "-m", "benchmarks", "nope"], cwd=root, capture_output=True, text=True)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1 and "'nope'" in ran.stderr


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are listed in /proc")
def test_one_that_is_told_to_end_leaves_no_worker_behind(tmp_path):
    """By SIGTERM, in the middle of a training that would take a minute."""
    words = ["defaults", "--only", "digits", "--further", "0", "--left-out", "0", "--out", str(tmp_path / "out")]
    root, log = Path(pays.__file__).parents[1], tmp_path / "log"
    with log.open("w") as said:
        process = subprocess.Popen([sys.executable, "-m", "benchmarks", *words], cwd=root, stdout=said, stderr=said)
    try:
        while process.poll() is None and not (workers := workers_of(process.pid)):
            time.sleep(0.1)
        process.terminate()
        assert process.wait() == 1 and "interrupted" in log.read_text()
    finally:
        process.kill()
    assert workers and not [pid for pid in workers if stat(pid)[0] not in ("Z", "gone")]


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are listed in /proc")
def test_an_interruption_while_a_worker_starts_is_that_and_leaves_none(monkeypatch):
    def interrupted(thread):
        assert workers_of(os.getpid())
        raise KeyboardInterrupt

    monkeypatch.setattr(process_executor._ExecutorManagerThread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        in_new_process(os.getpid)
    assert not [pid for pid in workers_of(os.getpid()) if stat(pid)[0] not in ("Z", "gone")]


def workers_of(parent: int) -> list[int]:
    """The processes that were started to work for another."""
    found = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    return [pid for pid in found if stat(pid)[1] == str(parent) and "popen_loky" in command(pid)]


def stat(pid: int) -> list[str]:
    """The state of a process and its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return ["gone", ""]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
