"""This checkout beside another commit: two folders, and new processes of Python with the package of either."""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Study, Task
from ndm.base.errors import InputError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class CommitJob(Task):
    """Measure a case at another commit, if there is one, and now; code that has changed is measured anew."""

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

    def jobs(self, cases: Iterable[str], rows: Mapping[str, Row]) -> list[CommitJob]:
        """The jobs of these cases, for the code as it is; for that of the rows, where they are to be shown again."""
        if self.rows is not None:
            kept = next(iter(rows.values()), {})
            against, code = kept.get("against"), kept.get("code", "")
        else:
            against = self.against and short(self.against)
            code = str(machine()["code"])
        return [CommitJob(case, against, self.repeats, code) for case in cases]


def short(commit: str) -> str:
    """The short name of a commit; `InputError` where there is none."""
    return _git("rev-parse", "--short", "--verify", commit).decode().strip()


@contextmanager
def trees(against: str | None) -> Iterator[list[Path]]:
    """The folder of the other commit, if there is one, and that of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        if against is not None:
            with tarfile.open(fileobj=BytesIO(_git("archive", against))) as files:
                files.extractall(folder, filter="data")
        yield [*([] if against is None else [Path(folder)]), ROOT]


def _git(*words: str) -> bytes:
    """What git says of this repository, `InputError` where it knows no such commit."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True)
    if done.returncode:
        raise InputError(
            f"commit {words[-1]!r}", "a commit of this repository", done.stderr.decode().partition("\n")[0]
        )
    return done.stdout


def python(tree: Path, words: list[str], threads: int | None = 1, **options: Any) -> subprocess.Popen[Any]:
    """Start Python with these words and the package of `tree`, on so many threads; None: as by itself."""
    some = {} if threads is None else {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    own = os.environ | some | {"NO_COLOR": "1", "PYTHONPATH": str(tree)}
    return subprocess.Popen([sys.executable, *words], env=own, **options)
