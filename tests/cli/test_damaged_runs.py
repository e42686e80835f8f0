"""Files of a run that were damaged, moved or replaced: what can go on goes on, and what was wrong is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from calling import TINY_MLP, ndm

from ndm.training.objective import Objective

MORE = f"train points.npz --run points --max-steps 6 {TINY_MLP}"
REPORT = "report points --steps 2"
METRICS = Path("points/metrics.jsonl")


def refused(words: str) -> str:
    """The one line with which a command is refused."""
    result = ndm(words)
    assert result.code == 2 and result.out == "" and result.err.count("\n") == 1, result
    return result.err


@pytest.mark.parametrize(
    "odd",
    [
        b'{"step": 2}',
        b"[3]",
        b"null",
        b"no JSON",
        b"caf\xe9",
        b"[" * 99_999,
        b'{"step": 1e999}',
        b'{"step": 2, "unit": "nats", "total": "x", "seconds": 1}',
    ],
    ids=lambda odd: odd[:20].decode("latin"),
)
def test_lines_of_metrics_that_cannot_be_read_are_left_out_and_said_and_none_is_lost(workplace, odd):
    first, *others = METRICS.read_bytes().splitlines()
    torn = b"\0" * 50 + b'{"step": 5, "pri'
    METRICS.write_bytes(b"\n".join([first, odd, *others, torn]))
    result = ndm(REPORT)
    assert result.code == 0
    assert result.err == f"ndm: warning: {METRICS}, line 2 and 1 more, cannot be read: it is left out\n"
    result = ndm(MORE)
    assert result.code == 0
    assert result.err == f"ndm: warning: {METRICS}, line 2, cannot be read: it stays as it is\n"
    lines = METRICS.read_bytes().splitlines()
    assert lines[:5] == [first, odd, *others] and [json.loads(line)["step"] for line in lines[5:]] == [5, 6]


def test_zeros_of_a_power_cut_hide_no_line(workplace):
    """Before a line, and a last line without its end."""
    METRICS.write_bytes(b"\0" * 512 + METRICS.read_bytes().rstrip(b"\n"))
    for words in (REPORT, MORE):
        result = ndm(words)
        assert (result.code, result.err) == (0, "")
    steps = [json.loads(line.strip(b"\0"))["step"] for line in METRICS.read_bytes().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["config.yaml", "evaluation.json", "metrics.jsonl"])
def test_a_folder_where_a_file_should_be_is_no_damage(workplace, name):
    path = Path("points", name)
    path.unlink(missing_ok=True)
    path.mkdir()
    said = refused(REPORT)
    assert f"got {path}, which cannot be read (Is a directory); expected a file, not a folder; move it away" in said


@pytest.mark.parametrize("name", ["config.yaml", "evaluation.json"])
def test_text_that_is_not_utf_8_is_named(workplace, name):
    Path("points", name).write_bytes(b"data: caf\xe9\n")
    assert f"got points/{name}, which cannot be read (not UTF-8 at byte 9)" in refused(REPORT)


@pytest.mark.parametrize(
    "change",
    [{"nelbo": 3}, {"nelbo": {}}, {"training": {"step": "x"}}, {"num_examples": "many"}, {"unit": None}, {"ode": {}}],
    ids=str,
)
def test_an_evaluation_of_other_fields_is_refused_by_report_and_publish(workplace, change):
    assert ndm("evaluate points --draws 2").code == 0
    path = Path("points/evaluation.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for words in (REPORT, "publish points shared"):
        assert f"got {path}, which cannot be read (no {next(iter(change))}" in refused(words)
    assert not Path("shared").exists()


def test_what_cannot_be_written_is_said_before_the_work(workplace, monkeypatch):
    for place in ("ndm.evaluation.estimates.nelbo", "ndm.cli.commands.sample.draw", "ndm.evaluation.report.draw"):
        monkeypatch.setattr(place, lambda *_, **__: pytest.fail("done in vain"))
    Path("points/evaluation.json").mkdir()
    Path("points/report").write_text("mine")
    Path("x.npz").mkdir()
    for words, path in (
        ("evaluate points", "points/evaluation.json"),
        ("report points", "points/report/index.html"),
        ("sample points --out x.npz", "x.npz"),
        ("publish points points.npz/s", "points.npz/s"),
    ):
        said = refused(words)
        assert f"got {path}, which cannot be " in said and said.endswith("move it away, or choose another name\n"), said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "train points.npz --run new --max-steps 1 --batch-size 100000000000",
            "batch_size = 100000000000 for a model of",
        ),
        (
            "train points.npz --run new --max-steps 1 --predictor-options width=1000000",
            "parameters or more, which takes",
        ),
        ("train points.npz --run new --max-steps 1 --dry-run --batch-size 100000000000", "batch_size = 100000000000"),
        ("evaluate points --draws 100000000000", "--draws 100000000000, which takes about"),
        ("sample cubes --num 10000000 --out x.npz", "--num 10000000, which takes about"),
        ("train wide.csv --run new --max-steps 1", "bytes as text, which takes about"),
    ],
    ids=lambda text: text[:60],
)
def test_what_memory_does_not_hold_is_refused_before_it_is_taken(workplace, monkeypatch, words, said):
    if "--num" in words or ".csv" in words:
        monkeypatch.setattr("ndm.base.memory._of_machine", lambda proc: 2**28)
    Path("wide.csv").write_bytes(b"a,b\n" + b"1.5,2.5\n" * 8_000_000 if ".csv" in words else b"")
    message = refused(words)
    assert said in message and "GiB of memory; expected at most the " in message
    assert not Path("new").exists() and not Path("x.npz").exists()


def test_memory_that_runs_out_while_training_is_a_line_and_the_last_step_is_saved(workplace, monkeypatch):
    original, calls = Objective.forward, []

    def greedy(terms, *arguments):
        calls.append(arguments)
        if len(calls) == 5:  # two of the first examples, to measure, and two steps
            np.empty(2**60, np.uint8)
        return original(terms, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Objective, "forward", greedy)
        result = ndm(f"train points.npz --run new --max-steps 4 {TINY_MLP}")
    assert result.code == 1 and result.err.count("\n") == 1
    assert result.err.startswith("ndm: error: memory ran out (") and "what was saved before is whole" in result.err
    assert json.loads(Path("new/state/progress.json").read_text())["step"] == 2
    assert "resuming new at step 2" in ndm(f"train points.npz --run new --max-steps 4 {TINY_MLP}").out
