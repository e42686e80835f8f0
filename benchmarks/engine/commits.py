"""This checkout beside another commit: two folders, and new processes of Python with the package of either."""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.engine.machine import machine
from benchmarks.engine.study import Study, Task
from ndm.base.errors import InputError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class CommitJob(Task):
    """Measure a case, now and at another commit, if there is one; what has changed since then is measured anew."""

    case: str
    against: str | None
    repeats: int
    code: str


@dataclass(frozen=True)
class AgainstCommit(Study):
    """A study of what this checkout costs, against another commit."""

    against: str | None = None
    """The commit to compare with."""
    repeats: int = 5
    """Turns of each, of which the median counts."""

    def check(self) -> None:
        if self.repeats < 1:
            raise InputError(f"{self.repeats} repeats", "at least 1")
        if self.against is not None:
            _archive(self.against)

    def job(self, case: str) -> CommitJob:
        """The job of a case."""
        return CommitJob(case, self.against, self.repeats, str(machine()["code"]))


@contextmanager
def trees(against: str | None) -> Iterator[list[Path]]:
    """The folder of the other commit, if there is one, and that of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        if against is not None:
            with tarfile.open(fileobj=BytesIO(_archive(against))) as files:
                files.extractall(folder, filter="data")
        yield [*([] if against is None else [Path(folder)]), ROOT]


def _archive(commit: str) -> bytes:
    done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if done.returncode:
        raise InputError(f"commit {commit!r}", "a commit of this repository", done.stderr.decode().strip())
    return done.stdout


def python(tree: Path, words: list[str], **options: Any) -> subprocess.Popen[Any]:
    """Start Python with these words, on one thread, with the package of `tree`."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NO_COLOR")}
    return subprocess.Popen([sys.executable, *words], env=os.environ | threads | {"PYTHONPATH": str(tree)}, **options)
