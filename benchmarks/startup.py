"""What a command costs before it works: CPU time of `ndm --help` and of imports, against an earlier commit.

    python -m benchmarks startup --against c79c47b

Every call runs in a new process: its user and system time together, on one thread. Those of both commits take turns,
so that a machine that is busy is as busy for one as for the other.
"""

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
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
class Startup:
    """CPU time of imports and of commands that only say something, now and at an earlier commit."""

    against: str | None = None
    """The commit to compare with."""
    repeats: int = 5
    """Processes of each call, of which the median counts."""

    def run(self) -> int:
        """Measure and print a table in Markdown."""
        with tempfile.TemporaryDirectory() as place:
            trees = {"now": ROOT}
            if self.against is not None:
                trees[self.against] = _extracted(self.against, Path(place, "before"))
            empty = Path(place, "empty")
            empty.mkdir()
            calls = [(name, tree) for name in CASES for tree in trees]
            seconds: dict[tuple[str, str], list[float]] = {call: [] for call in calls}
            for turn in range(self.repeats + 1):  # the first compiles what is not compiled yet, and does not count
                for name, tree in calls:
                    found = cpu_seconds(CASES[name], trees[tree], empty)
                    seconds[name, tree] += [found] * (turn > 0)
            self._show(seconds, trees, {name: heavy(CASES[name], ROOT, empty) for name in CASES})
        return 0

    def _show(
        self, seconds: dict[tuple[str, str], list[float]], trees: dict[str, Path], loaded: dict[str, str]
    ) -> None:
        table = Table("call", *(f"{tree}, s" for tree in trees), "of import torch", "loads", box=None)
        median = {call: statistics.median(found) for call, found in seconds.items()}
        for name in CASES:
            ratio = median[name, "now"] / median["import torch", "now"]
            table.add_row(name, *(f"{median[name, tree]:.2f}" for tree in trees), f"{ratio:.2f}", loaded[name])
        Console(width=140).print(table)
        print(f"medians of {self.repeats} processes that took turns; user and system time on one thread")


def cpu_seconds(words: list[str], tree: Path, place: Path) -> float:
    """User and system time of Python with these words, with the package of `tree`."""
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=place,
        env=_environment(tree),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return used.ru_utime + used.ru_stime


def heavy(words: list[str], tree: Path, place: Path) -> str:
    """Which of the packages that take long to import these words import."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], cwd=place, env=_environment(tree), capture_output=True, text=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return ", ".join(name for name in HEAVY if name in imported) or "none of them"


def _environment(tree: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


def _extracted(commit: str, folder: Path) -> Path:
    """The files of a commit."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder
