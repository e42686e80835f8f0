"""How long `ndm train FILE` takes to beat a codec: the shortest budget with which its model takes fewer bits than PNG.

The file of a set is trained on by the command line with budgets that double, where no setting but the budget is given.
The other commit gets ten times the shortest of them that was enough, by the same command.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import numpy as np

from benchmarks.engine.commits import python, short, trees
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Study, Task
from benchmarks.engine.tables import table
from benchmarks.sets.catalogue import SETS
from benchmarks.sets.real_set import CACHE, RealSet, build
from ndm.base.errors import InputError
from ndm.base.registry import choose
from ndm.data.codecs import bits

SECONDS = (5, 10, 20, 40, 80)
TIMES = 10  # the budget of the other commit by the shortest that was enough
_SAID = (
    "Bits/dim of the first test images. Seconds: the shortest budget of training, of {budgets} s, with which the bound "
    "of the model was below what PNG takes for these images as one tiled picture. Before: the bound of commit "
    "{against} with {times} times that budget."
)


@dataclass(frozen=True)
class BudgetJob(Task):
    """Train on `data` for so many seconds, at a commit or, if that is None, now; evaluate the first test images."""

    data: str
    seconds: float
    against: str | None
    limit: int
    draws: int


@dataclass(frozen=True)
class Beats(Study):
    """The shortest budget of `ndm train FILE` that beats PNG, and what another commit reaches in ten times as long."""

    only: tuple[str, ...] = ("icons32", "photos16", "textures32")
    """names of image sets"""
    against: str = "c79c47b"
    """the other commit"""
    limit: int = 200
    """test images, at most"""
    draws: int = 4
    """of (t, z_t) for each of them"""
    cache: Path = CACHE
    """the folder of archives and sets"""

    def check(self) -> None:
        for name in self.only:
            if choose("set", name, SETS).kind != "image" or SETS[name].make is None:
                raise InputError(f"the set {name}", "sets of images that are files")
        if self.limit < 1 or self.draws < 2:
            raise InputError(f"limit = {self.limit}, draws = {self.draws}", "at least 1, and at least 2")
        short(self.against)

    def stages(self, rows: Mapping[str, Row]) -> Iterator[Stage]:
        work = partial(execute, sets=SETS, cache=self.cache.expanduser())

        def stage(name: str, jobs: list[BudgetJob]) -> Stage:
            return Stage(name, work, jobs, ("bits", "png", "machine"))

        now = [self._job(name, seconds) for name in self.only for seconds in SECONDS]
        yield stage("now", now)
        done = [rows[job.key] for job in now if job.key in rows]
        enough = {name: shortest(row for row in done if row["data"] == name) for name in self.only}
        yield stage("before", [self._job(name, TIMES * least, self.against) for name, least in enough.items() if least])

    def _job(self, name: str, seconds: float, against: str | None = None) -> BudgetJob:
        return BudgetJob(name, float(seconds), against, self.limit, self.draws)

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        before = {row["data"]: row for row in rows["before"]}
        lines = []
        for name in self.only:
            own = [row for row in rows["now"] if row["data"] == name]
            seconds = shortest(own)
            enough = next((row for row in own if row["seconds"] == seconds), None)
            cells = ["none", ""] if enough is None else [f"{seconds:g}", _bits(enough)]
            then = before.get(name)
            cells += ["", ""] if then is None else [f"{then['seconds']:g}", _bits(then)]
            lines.append([name, *(f"{own[0][codec]:.3f}" for codec in ("png", "webp")), *cells, *map(_bits, own)])
        heads = ["PNG", "WebP", "seconds", "bits", "seconds before", "bits before"]
        heads += [f"after {each} s" for each in SECONDS]
        said = _SAID.format(budgets=", ".join(map(str, SECONDS)), against=self.against, times=TIMES)
        return [said, table("set", heads, lines)], {}


def shortest(rows: Iterable[Row]) -> float | None:
    """The shortest budget of these trainings whose bound is below what PNG takes; None where none is."""
    return min((row["seconds"] for row in rows if row["bits"] is not None and row["bits"] < row["png"]), default=None)


def _bits(row: Row) -> str:
    return "failed" if row["bits"] is None else f"{row['bits']:.3f}"


def execute(job: BudgetJob, sets: Mapping[str, RealSet], cache: Path) -> Row:
    """The row of a job; `bits` is None where the training or its evaluation failed, and `failed` says why."""
    made = build(sets[job.data], cache)
    codecs = bits(np.asarray(made.load().test.x[: job.limit]))
    row: Row = {"png": codecs.png, "webp": codecs.webp, "bits": None, "steps": None, "machine": machine()}
    with trees(job.against) as folders, tempfile.TemporaryDirectory() as place:
        run = str(Path(place, "run"))
        commands = (
            ["train", str(Path(made.data).resolve()), "--run", run, "--max-seconds", str(job.seconds)],
            ["evaluate", run, "--draws", str(job.draws), "--limit", str(job.limit)],
        )
        for words in commands:
            streams: dict[str, Any] = {"stdout": DEVNULL, "stderr": PIPE, "text": True}
            with python(folders[0], ["-m", "ndm.cli", *words], threads=None, cwd=place, **streams) as process:
                _, said = process.communicate()
            if process.returncode:
                return row | {"failed": (said.strip().splitlines() or ["no word"])[-1]}
        found = json.loads(Path(run, "evaluation.json").read_text())
    return row | {"bits": found["nelbo"]["total"], "steps": found["training"]["step"]}
