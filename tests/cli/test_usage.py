"""Help, versions and words that are no command."""

import dataclasses
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import content, ndm
from rich.console import Console

from ndm.base.progress import ProgressBar
from ndm.base.settings import OPTION
from ndm.base.version import __version__
from ndm.cli.arguments.average import Average
from ndm.cli.arguments.evaluate import Evaluate
from ndm.cli.arguments.report import Report
from ndm.cli.arguments.sample import Sample
from ndm.cli.arguments.train import Train
from ndm.config import Config

POSITIONAL = ("run_folder", "destination")
COMMANDS = ("train", "evaluate", "average", "sample", "report", "data")
OPTIONS = {
    "train": [
        "--run",
        "--recipe",
        "--dry-run",
        *(f"--{f.metadata.get(OPTION, f.name)}" for f in dataclasses.fields(Config) if f.name != "chosen"),
    ],
    **{
        kind.__name__.lower(): [f"--{f.name}" for f in dataclasses.fields(kind) if f.name not in POSITIONAL]
        for kind in (Evaluate, Average, Sample, Report)
    },
    "data": ["list"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_mentions_every_option_and_what_it_does(empty, command):
    result = ndm(f"{command} --help")
    assert result.code == 0 and result.err == ""
    for option in OPTIONS[command]:
        assert option.replace("_", "-") in result.out, option
    assert "(default: '')" not in result.out and "--chosen" not in result.out and "--None" not in result.out


def test_every_option_of_a_command_has_a_description():
    for kind in (Train, Config, Evaluate, Average, Sample, Report):
        source = Path(sys.modules[kind.__module__].__file__).read_text()
        for field in dataclasses.fields(kind):
            if field.name != "config":
                line = next(i for i, text in enumerate(source.splitlines()) if text.startswith(f"    {field.name}:"))
                assert '"""' in "".join(source.splitlines()[line + 1 : line + 3]), field.name


def test_help_names_every_command(empty):
    result = ndm("--help")
    assert result.code == 0 and all(command in result.out for command in COMMANDS)


def test_help_says_what_a_positional_argument_is(empty):
    assert "DATA" in ndm("train --help").out
    for command in ("evaluate", "sample", "report"):
        assert "RUN" in ndm(f"{command} --help").out


@pytest.mark.parametrize(
    "words",
    [
        "",
        "nocommand",
        "train",
        "train digits --unheard 3",
        "train digits --max-steps many",
        "train digits --decay linear",
        "train digits --precision float16",
        "evaluate",
        "sample",
        "sample run",
        "data",
        "data show",
        "train digits --transform-options width",
        "train digits --transform-options width=[1,",
    ],
)
def test_wrong_words_are_refused(empty, words):
    result = ndm(words)
    assert result.code == 2 and result.out == "" and content(empty) == {} and "__" not in result.err
    assert result.err.startswith("ndm: error: ") and result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train digits --timesteps many", ["--timesteps: ", "INT", "'many'", "see ndm train --help"]),
        ("train digits --seedx 3", ["--seedx", "perhaps you meant --seed INT"]),
        ("evaluate --draws 3", ["RUN", "The folder of the run", "see ndm evaluate --help"]),
        ("sample run --values age= --out x.npz", ["--values: age= has no value; see ndm sample --help"]),
        ("data lst", ["'lst'", "'list'", "see ndm data --help"]),
    ],
)
def test_wrong_words_are_named_with_what_is_expected(empty, words, said):
    message = ndm(words).err
    assert [part for part in said if part not in message] == []


def test_the_version(empty):
    assert ndm("--version").out.strip() == __version__


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_screen_that_takes_no_more(empty):
    """A closed pipe is nothing to speak of; a full disk is said, and stops no training."""
    program = f"{sys.executable} -m ndm.cli"
    train = f"{program} train moons --run run --predictor-options width=8 depth=1 --max-steps"
    for command, code, said in (
        (f"{program} data list | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}", {0, 1}, ""),
        (f"{program} data list > /dev/full", {1}, "No space left on device"),
        (f"{train} 3 > /dev/full", {1}, "No space left on device"),
        (f"{train} 5 2> /dev/full", {0}, ""),
    ):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
        assert done.returncode in code and said in done.stderr and done.stderr.count("\n") == bool(said), done
    assert json.loads(Path("run/state/progress.json").read_text())["step"] == 5


class FullLog(io.StringIO):
    """On a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_progress_that_cannot_be_shown_stops_nothing(monkeypatch):
    monkeypatch.setattr("ndm.base.progress._LINE_EVERY", 0.0)
    console, done = Console(file=FullLog()), []
    with pytest.raises(OSError, match="No space left"):
        console.print("as it goes")
    with ProgressBar("work", console) as bar:
        for step in range(3):
            bar.update(step / 3, "as it goes")
            done.append(step)
    assert done == [0, 1, 2]


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "ndm.cli", "--help"],
        [str(Path(sys.executable).with_name("ndm")), "--version"],
        [sys.executable, "-m", "ndm.cli", "train", "unheard"],
    ],
    ids=["help", "version", "error"],
)
def test_as_a_program(empty, command):
    """Run the program in a new process: the exit code is the program's, and errors go to standard error."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "unheard" in command:
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.startswith("ndm: error: got data 'unheard'") and done.stderr.count("\n") == 1
    else:
        assert done.returncode == 0 and done.stderr == ""
        assert "train" in done.stdout if "--help" in command else done.stdout.strip() == __version__
