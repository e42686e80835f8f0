"""The study of how soon a codec is beaten, by the command line on a few images of noise."""

import json
from pathlib import Path

import numpy as np
import pytest
from small import real_set
from test_command import call

from benchmarks import beats
from benchmarks.sets.catalogue import SETS

WORDS = "beats --only noise --against HEAD --limit 4 --draws 2 --cache sets"


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path) -> None:
    """Noise, for which PNG needs more than 8 bits, as a file has a head."""
    x = np.random.default_rng(0).integers(0, 256, (80, 8, 8)).astype(np.uint8)
    monkeypatch.setitem(SETS, "noise", real_set("noise", "image", x))
    monkeypatch.setattr(beats, "SECONDS", (3,))
    monkeypatch.setattr(beats, "TIMES", 1.5)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_both_commits_are_trained_by_the_command_line(capsys):
    code, out, err = call(f"{WORDS} --out found", capsys)
    assert code == 0, err
    now, before = (json.loads(line) for line in Path("found/rows.jsonl").read_text().splitlines())
    assert (now["seconds"], now["against"], before["seconds"], before["against"]) == (3.0, None, 4.5, "HEAD")
    # PNG of 256 bytes of noise has more of them; no model of noise takes less than 8 bits but by chance.
    assert now["png"] == before["png"] > 9 and 7.5 < now["bits"] < now["png"] and min(now["steps"], before["steps"]) > 0
    (line,) = (line for line in out.splitlines() if line.startswith("| noise"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == f"{now['png']:.3f}" and cells[3:7] == ["3", f"{now['bits']:.3f}", "4.5", f"{before['bits']:.3f}"]


def test_the_shortest_that_is_below_png():
    rows = [
        {"seconds": seconds, "bits": bits, "png": 3.0} for seconds, bits in ((5, None), (10, 3.0), (20, 2.9), (40, 2.1))
    ]
    assert beats.shortest(rows) == 20 and beats.shortest(rows[:2]) is None and beats.shortest([]) is None


def test_what_failed_is_said_and_is_no_result(monkeypatch):
    # A budget that is too short is refused by `ndm train`.
    found = beats.execute(beats.BudgetJob("noise", 1e-3, None, 4, 2), SETS, Path("sets"))
    assert found["bits"] is None and "budget" in found["failed"]


@pytest.mark.parametrize(
    "words, said",
    [
        ("--only digits", "digits"),
        ("--only heart", "heart"),
        ("--against nowhere", "nowhere"),
        ("--limit 0", "limit = 0"),
    ],
)
def test_wrong_use_is_one_line(capsys, words, said):
    code, _, err = call(f"beats {words}", capsys)
    assert code == 2 and said in err and err.count("\n") == 1
