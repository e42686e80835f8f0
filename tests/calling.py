"""The command line, called in this process, and small data and runs to call it on."""

import contextlib
import io
import json
import shlex
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
