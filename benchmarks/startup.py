"""What a command costs before it works: CPU time of `ndm --help` and of imports, against an earlier commit.

Every call runs in a new process: its user and system time together, on one thread. Those of both commits take turns,
so that a machine that is busy is as busy for one as for the other.
"""

import os
import statistics
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

from benchmarks.engine.commits import AgainstCommit, CommitJob, python, trees
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage
from benchmarks.engine.tables import table

CASES = {
    "python -c pass": ["-c", "pass"],
    "import torch": ["-c", "import torch"],
    "import ndm": ["-c", "import ndm"],
    "import ndm; ndm.NeuralDiffusion": ["-c", "import ndm; ndm.NeuralDiffusion"],
    "ndm --help": ["-m", "ndm.cli", "--help"],
    "ndm data list": ["-m", "ndm.cli", "data", "list"],
    "ndm trian": ["-m", "ndm.cli", "trian"],
    "ndm train digits --unheard 3": ["-m", "ndm.cli", "train", "digits", "--unheard", "3"],
    "ndm sample --help": ["-m", "ndm.cli", "sample", "--help"],
    "ndm train --help": ["-m", "ndm.cli", "train", "--help"],
}
HEAVY = ("torch", "matplotlib", "numpy")


@dataclass(frozen=True)
class Startup(AgainstCommit):
    """CPU time of imports and of commands that only say something, now and at an earlier commit."""

    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        """One job: all calls take turns."""
        return [Stage("startup", execute, self.jobs(["all"], rows), ("seconds", "loads", "machine"))]

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        (row,) = rows["startup"]
        whole = row["seconds"]["import torch"][-1]
        lines = [
            [f"`{name}`", *(f"{each:.2f}" for each in seconds), f"{seconds[-1] / whole:.2f}", row["loads"][name]]
            for name, seconds in row["seconds"].items()
        ]
        heads = [*([f"{row['against']}, s"] if row["against"] else []), "now, s", "of `import torch`", "loads"]
        said = f"Medians of {self.repeats} processes that took turns; user and system time on one thread."
        return [said, table("call", heads, lines)], {}


def execute(job: CommitJob) -> Row:
    """The median seconds of each call in each tree, and what it loads now."""
    with trees(job.against) as folders, tempfile.TemporaryDirectory() as place:
        calls = [(name, tree) for name in CASES for tree in folders]
        found: dict[tuple[str, Path], list[float]] = {call: [] for call in calls}
        for turn in range(job.repeats + 1):  # the first compiles what is not compiled yet, and does not count
            for name, tree in calls:
                found[name, tree] += [cpu_seconds(CASES[name], tree, Path(place))] * (turn > 0)
        seconds = {name: [statistics.median(found[name, tree]) for tree in folders] for name in CASES}
        loads = {name: heavy(words, folders[-1], Path(place)) for name, words in CASES.items()}
    return {"seconds": seconds, "loads": loads, "machine": machine()}


def cpu_seconds(words: list[str], tree: Path, place: Path) -> float:
    """User and system time of Python with these words, with the package of `tree`."""
    process = python(tree, words, cwd=place, stdout=DEVNULL, stderr=DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return used.ru_utime + used.ru_stime


def heavy(words: list[str], tree: Path, place: Path) -> str:
    """Which of the packages that take long to import these words import."""
    _, said = python(
        tree, ["-X", "importtime", *words], cwd=place, stdout=DEVNULL, stderr=PIPE, text=True
    ).communicate()
    imported = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    return ", ".join(name for name in HEAVY if name in imported) or "none of them"
