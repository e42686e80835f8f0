"""The command line, called in this process, and small data and runs to call it on."""

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ndm.cli import main

TINY_MLP = "--predictor-options width=16 depth=1 --batch-size 16 --log-every 1"
TINY_UNET = "--predictor-options channels=8 multipliers=[1,2] --batch-size 16 --log-every 1"


@dataclass(frozen=True)
class Result:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


def ndm(words: str) -> Result:
    """`ndm` with these words; usage errors, which leave by SystemExit, look like any other end."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(shlex.split(words))
        except SystemExit as end:
            code = int(end.code or 0)
    return Result(code, out.getvalue(), err.getvalue())


def written(result: Result) -> dict:
    """The evaluation that a command wrote, wherever it says that it is."""
    found: dict = json.loads(Path(result.out.rpartition("written to ")[2].strip()).read_text())
    return found


@contextlib.contextmanager
def forked(folder: Path) -> Iterator[Callable[..., list[tuple[int, str, str]]]]:
    """In `folder`, `call([words, moments, signal], ...)`: the ends of commands that are started together: forked.py."""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("forked.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )

    def call(*commands: list[str]) -> list[tuple[int, str, str]]:
        assert server.stdin and server.stdout
        server.stdin.write(json.dumps(commands) + "\n")
        server.stdin.flush()
        return [tuple(end) for end in json.loads(server.stdout.readline())]

    try:
        with contextlib.chdir(folder):
            yield call
    finally:
        server.kill()
        server.communicate()


def write_data(folder: Path) -> None:
    """images.npz: grey, 8 x 8 pixels; points.npz: in the plane; cubes.npz: in three dimensions."""
    rng = np.random.default_rng(0)
    np.savez(folder / "images.npz", x=rng.integers(0, 256, (60, 8, 8)).astype(np.uint8))
    np.savez(folder / "points.npz", x=rng.normal(size=(60, 2)).astype(np.float32))
    np.savez(folder / "cubes.npz", x=rng.normal(size=(60, 3)))


def content(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below `folder`."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
