"""A disk that is full when something beside a checkpoint is written: one line, and the step is saved all the same.

The refusals are the kernel's own: writing to /dev/full fails with ENOSPC.
"""

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from launching import together
from tiny import lines, tensors

from ndm.cli import main
from ndm.runs import checkpoint
from ndm.training.monitors.metrics import Metrics
from ndm.training.objective import Objective

FULL = Path("/dev/full")
WITHOUT_STEPS = [
    *("train", "points.npy", "--batch-size", "4", "--log-every", "1", "--save-every", "100"),
    *("--predictor-options", "width=8", "depth=1", "--threads", "1"),
]
WORDS = [*WITHOUT_STEPS, "--max-steps", "6"]
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32))


@contextmanager
def at_line(step: int, happens: Callable[[], None]):
    """Within, something happens once, before the line of metrics of `step` is written."""
    original, done = Metrics.write, []

    def write(metrics: Metrics, k: int, values: dict[str, Any]) -> dict[str, Any]:
        if k == step and not done:
            done.append(k)
            happens()
        return original(metrics, k, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Metrics, "write", write)
        yield


def fails_in_one_line(words: list[str], capfd) -> str:
    """What a command says that ends with exit code 1; threads and native code are heard as well."""
    capfd.readouterr()
    assert main(words) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and said.startswith("ndm: error: ") and "No space left on device" in said, said
    return said


def fill(path: Path) -> None:
    """Whatever is written under this name from now on finds no room."""
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.rename(path.with_name("before"))
    path.symlink_to(FULL)


def make_room(path: Path) -> None:
    path.unlink()
    if path.with_name("before").exists():
        path.with_name("before").rename(path)


def ends_as_unbroken(capfd) -> None:
    """The same command resumes, and the run becomes the one that never met a full disk."""
    assert main([*WORDS, "--run", "run"]) == 0 and main([*WORDS, "--run", "whole"]) == 0
    assert tensors(Path("run")) == tensors(Path("whole")) and lines(Path("run")) == lines(Path("whole"))


@pytest.mark.parametrize("step", [3, 6])
def test_metrics_without_room_stop_the_run_which_saves_its_step(capfd, step):
    """The line that found no room is in the checkpoint, and is written when there is some."""
    path = Path("run/metrics.jsonl")
    with at_line(step, lambda: fill(path)):
        said = fails_in_one_line([*WORDS, "--run", "run"], capfd)
    assert "run/metrics.jsonl cannot be written" in said and "the same command resumes" in said
    assert checkpoint.latest(Path("run")).name == f"{step:08d}"
    make_room(path)
    assert len(lines(Path("run"))) == step - 1
    ends_as_unbroken(capfd)


def test_a_line_cut_short_by_a_full_disk_is_written_again(capfd, monkeypatch):
    write = Metrics.write

    def half(metrics, step, values):
        if step == 2:
            with metrics.path.open("a") as file:
                file.write('{"step": 2, "pri')
            fill(metrics.path)
        return write(metrics, step, values)

    with monkeypatch.context() as patch:
        patch.setattr(Metrics, "write", half)
        fails_in_one_line([*WORDS, "--run", "run"], capfd)
    make_room(Path("run/metrics.jsonl"))
    ends_as_unbroken(capfd)


@pytest.mark.parametrize("step", [1, 5])
def test_tensorboard_without_room_stops_the_run_without_a_traceback_of_its_thread(capfd, step):
    """Its thread meets the error; the next line or the end of the run says it, after the checkpoint."""

    def fill_events() -> None:
        (path,) = Path("run/tensorboard").glob("events*")
        fill(path)

    with at_line(step, fill_events):
        said = fails_in_one_line([*WORDS, "--run", "run"], capfd)
    assert "run/tensorboard cannot be written" in said
    assert int(checkpoint.latest(Path("run")).name) >= step
    (path,) = Path("run/tensorboard").glob("events*")
    make_room(path)
    ends_as_unbroken(capfd)


def test_a_place_without_room_for_tensorboard_is_a_line_before_training(capfd):
    assert main([*WORDS, "--run", "run"]) == 0
    before = tensors(Path("run"))
    Path("run/tensorboard").rename("elsewhere")
    Path("run/tensorboard").write_text("a file")
    capfd.readouterr()
    assert main([*WITHOUT_STEPS, "--run", "run", "--max-steps", "8"]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "run/tensorboard cannot be written" in said
    assert tensors(Path("run")) == before


@pytest.fixture
def plain_names(monkeypatch) -> None:
    """Temporary files have names that are known, so that they can be full."""
    monkeypatch.setattr("ndm.base.files._temporary", lambda path: path.with_name(f".{path.name}.writing"))


def test_pictures_without_room_stop_the_run_which_saves_its_step(capfd, plain_names):
    words, path = [*WORDS, "--run", "run", "--pictures-every", "2"], Path("run/pictures/.00000002-samples.png.writing")
    with at_line(1, lambda: fill(path)):
        said = fails_in_one_line(words, capfd)
    assert "the pictures of step 2 in run/pictures cannot be written" in said
    assert checkpoint.latest(Path("run")).name == "00000002" and not any(Path("run/pictures").iterdir())
    assert main(words) == 0 and Path("run/pictures/00000006-samples.png").exists()
    ends_as_unbroken(capfd)


def test_a_failure_whose_batch_finds_no_room_still_says_what_is_not_finite(capfd, plain_names):
    assert main([*WITHOUT_STEPS, "--run", "run", "--max-steps", "2"]) == 0
    before = tensors(Path("run"))
    fill(Path("run/.failure-00000002.npz.writing"))
    forward = Objective.forward

    def broken(terms, *arguments):
        bound, energy = forward(terms, *arguments)
        return replace(bound, diffusion=bound.diffusion * float("nan")), energy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Objective, "forward", broken)
        said = fails_in_one_line([*WORDS, "--run", "run"], capfd)
    assert "the diffusion term is not finite at step 2; its batch, run/failure-00000002.npz" in said
    assert not list(Path("run").glob("*failure*")) and tensors(Path("run")) == before


def test_a_run_whose_lock_cannot_be_written_is_refused(capfd):
    assert main([*WORDS, "--run", "run"]) == 0
    Path("run/.lock").unlink()
    os.mkdir("run/.lock")
    capfd.readouterr()
    assert main([*WITHOUT_STEPS, "--run", "run", "--max-steps", "8"]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "run/.lock, which cannot be written (Is a directory); expected a file, not a folder; move it away" in said


NO_ROOM = """
import sys
from ndm.cli import main
from pathlib import Path
from typing import Any
from ndm.training.monitors.metrics import Metrics
write = Metrics.write
def full(metrics, step, values):
    metrics.path = Path("/dev/full") if step == 3 else metrics.path
    return write(metrics, step, values)
Metrics.write = full
sys.exit(main(sys.argv[1:]))
"""


def test_of_several_processes_all_stop_and_save_together(tmp_path):
    """Only the first writes metrics; the others wait for nobody."""
    ends = together(2, ["-c", NO_ROOM, *WORDS, "--run", "run"], [str(tmp_path)] * 2)
    assert [code for code, *_ in ends] == [1, 1], ends
    said = [[line for line in err.splitlines() if line.startswith("ndm: ")] for *_, err in ends]
    assert len(said[0]) == 1 and "/dev/full cannot be written (No space left on device)" in said[0][0] and not said[1]
    assert checkpoint.latest(Path("run")).name == "00000003"
    assert "Traceback" not in ends[0][2] + ends[1][2]
