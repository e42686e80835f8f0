"""Ctrl-C and SIGTERM at any moment: one line, exit code 1 and no traceback, in real processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from launching import program as called

from ndm.cli import main

HERE = Path(__file__).parent
# A signal at the import that is named, sent by the process itself.
AT_IMPORT = """
import os, signal, sys
name, number = os.environ["AT_IMPORT"], getattr(signal, os.environ["SIGNAL"])
def note(event, arguments):
    if event == "import" and arguments[0] == name:
        os.kill(os.getpid(), number)
sys.addaudithook(note)
"""
SCRIPT = "import sys\nfrom ndm.cli import main\nsys.exit(main())\n"
TRAIN = (
    "train moons --recipe plane --run run --max-steps 40 --save-every 10 --log-every 1 --validate-every 0 --threads 1 "
    "--batch-size 8 --predictor-options width=8 depth=1"
)


@pytest.mark.parametrize(
    ("name", "number", "program"),
    [
        ("numpy", "SIGINT", ["-m", "ndm.cli"]),
        ("torch._C", "SIGINT", ["ndm"]),
        ("ndm.training.trainer", "SIGTERM", ["-m", "ndm.cli"]),
    ],
)
def test_while_it_is_imported(empty, name, number, program):
    Path("sitecustomize.py").write_text(AT_IMPORT)
    Path("ndm").write_text(SCRIPT)  # as pip makes it
    paths = os.pathsep.join([str(empty), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, *program, *TRAIN.split()],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": paths, "AT_IMPORT": name, "SIGNAL": number},
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "ndm: interrupted\n")
    assert not Path("run").exists()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """`program(words, moments, signal)`: (exit code, out, err) of a command that gets the signal at each moment."""
    with called(tmp_path_factory.mktemp("place")) as call:
        yield lambda words, moments="", number="SIGINT": call((words, moments, number))[0]


@pytest.mark.parametrize(
    ("moments", "number"), [("open:.config.yaml", "SIGINT"), ("open:.lock", "SIGTERM"), ("os.mkdir:early", "SIGINT")]
)
def test_before_the_first_step(program, moments, number):
    """Nothing is left that the same command would not take."""
    words = TRAIN.replace("--run run", f"--run early{len(moments)}")
    code, out, err = program(words, moments, number)
    assert (code, said(out), err) == (1, [], "ndm: interrupted\n")
    assert not list(Path().rglob("*.writing"))
    code, out, err = program(words)
    assert code == 0 and "trained for 40 steps" in out, err


def said(out: str) -> list[str]:
    """The lines that a training prints, but those on what it trains."""
    return [line for line in out.splitlines() if not line.startswith(("model: ", "data: ", "steps: "))]


def test_while_it_trains_and_again_while_it_saves(program):
    code, out, err = program(TRAIN, "open:metrics.jsonl")
    assert (code, err) == (1, "") and said(out) == ["stopped and saved at step 2: the same command resumes"]
    code, out, err = program(TRAIN, "os.rename:.writing-00000010 os.mkdir:.writing-0000001", "SIGTERM")
    assert (code, err) == (1, "ndm: interrupted: run is saved up to step 10, and the same command resumes\n"), out
    assert not list(Path("run/checkpoints").glob(".*"))
    assert program(TRAIN)[0] == 0


def test_while_it_evaluates_samples_and_reports(program):
    assert program(TRAIN)[0] == 0
    for words, moment in (
        ("evaluate run --draws 2", "open:.evaluation.json"),
        ("report run --steps 2", "open:.index"),
        ("sample run --num 4 --steps 2 --out x.npz", "open:.x.npz"),
    ):
        assert program(words, moment) == (1, "", "ndm: interrupted\n"), words
        assert not list(Path().rglob("*.writing"))
    assert not Path("run/evaluation.json").exists() and not Path("x.npz").exists()


def test_when_it_has_said_all_that_it_had_to_say(program):
    """The exit code is that of the command, which is done."""
    code, out, err = program("data list", "exit")
    assert (code, err) == (0, "") and "digits" in out


def test_a_program_that_imports_the_package_keeps_its_own_signals(capsys):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert main(["--version"]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert before == [signal.default_int_handler, signal.SIG_DFL]
