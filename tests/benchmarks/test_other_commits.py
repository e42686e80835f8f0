"""Studies against another commit: of a training step, and of what a command costs before it works."""

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import startup, step
from benchmarks.__main__ import main
from benchmarks.engine import commits

ROOT = Path(step.__file__).parents[1]


def test_a_checkout_beside_itself_is_measured_on_both_sides():
    row = step.measure(["moons"], [ROOT, ROOT], repeats=1)
    assert row["ratio"] == row["ratios"][0] > 0 and min(row["ms"]) > 0  # a median of ratios, and medians of each side
    assert all(whole > part > 0 for whole, part in zip(row["ms"], row["network_ms"], strict=True))
    assert all(mib > 100 for mib in row["mib"])


def test_a_training_that_ends_says_why():
    with pytest.raises(RuntimeError, match=r"got data 'unheard'"):
        step.measure(["unheard"], [ROOT, ROOT], repeats=1)


def test_a_call_is_timed_and_what_it_loads_is_named(tmp_path):
    assert startup.cpu_seconds(["-c", "pass"], ROOT, tmp_path) > 0
    assert startup.heavy(["-c", "import numpy"], ROOT, tmp_path) == "numpy"
    assert startup.heavy(["-m", "ndm.cli", "--help"], ROOT, tmp_path) == "none of them"


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A repository with one commit, changed since."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.setattr(commits, "ROOT", root)
    (root / "file").write_text("before")
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    for words in (["init", "-q"], ["add", "file"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / "file").write_text("now")
    return root


def test_a_commit_is_measured_beside_the_checkout_shown_again_and_not_measured_twice(
    repository, tmp_path, monkeypatch, capsys
):
    seen = []

    def measure(words, folders, repeats):
        seen.append([(folder / "file").read_text() for folder in folders])
        return {"ms": [4.0, 3.0], "over_network": [2.0, 1.5], "ratios": [0.7, 0.8], "ratio": 0.75, "mib": [10, 11]}

    monkeypatch.setattr(step, "measure", measure)
    out = tmp_path / "out"
    words = ["step", "--against", "HEAD", "--only", "cities"]
    assert main([*words, "--out", str(out)]) == 0 and main([*words, "--out", str(out)]) == 0
    assert seen == [["before", "now"]]  # the second time nothing was left to do
    table = (out / "tables.md").read_text()
    assert "| cities | 4.00 | 3.00 | 0.750 | 0.700 to 0.800 | 2.00 | 1.50 | 10 | 11 |" in table
    (row,) = map(json.loads, (out / "rows.jsonl").read_text().splitlines())
    assert row["against"] != "HEAD" and row["code"]

    monkeypatch.setattr(commits, "machine", lambda: {"code": "another"})
    assert main([*words, "--rows", str(out / "rows.jsonl.gz"), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "tables.md").read_text() == table and len(seen) == 1
    assert main([*words, "--out", str(out)]) == 0 and len(seen) == 2  # other code is measured anew


def test_a_commit_that_is_not_there_is_one_line(repository, tmp_path, capsys):
    assert main(["startup", "--against", "nowhere", "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert "commit 'nowhere'" in err and err.count("\n") == 1 and not list(tmp_path.glob("out/rows*"))


def test_what_a_call_costs_is_shown_by_import_torch(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(startup, "cpu_seconds", lambda words, tree, place: 2.0 if words[-1] == "import torch" else 0.5)
    monkeypatch.setattr(startup, "heavy", lambda words, tree, place: "none of them")
    assert main(["startup", "--repeats", "2", "--out", str(tmp_path)]) == 0
    assert "| `ndm --help` | 0.50 | 0.25 | none of them |" in (tmp_path / "tables.md").read_text()
    assert main(["startup", "--repeats", "0", "--out", str(tmp_path)]) == 2
    assert "0 repeats" in capsys.readouterr().err
