"""What a training step costs: CPU time against another commit, and against the network alone.

Both commits train at the same time, each in a process of one thread, and take turns of a few steps: what else the
machine does weighs on both alike. What is timed is `ndm train` itself, from one backward pass to the next, by the
process's own clock, so that a step counts with all that belongs to it, and any two commits with a command line can be
compared.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any, Literal

from benchmarks.engine.commits import AgainstCommit, CommitJob, python, trees
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage
from benchmarks.engine.tables import table

CASES = {
    "digits": ["digits"],
    "digits-8": ["digits", "--timesteps", "8"],
    "cities": ["cities"],
    "cities-4": ["cities", "--timesteps", "4"],
}
_TURNS = 8  # of each commit, for one ratio
_SHOWN = {"ms": 2, "over_network": 2, "mib": 0}  # with so many decimals
_WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Step(AgainstCommit):
    """CPU time of whole training steps on one thread, this checkout against another commit, in turns."""

    against: str = "c79c47b"
    """The other commit."""
    only: tuple[Literal["digits", "digits-8", "cities", "cities-4"], ...] = ()
    """Only these cases: a recipe, or one with that number of steps."""

    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        """A job for each case."""
        return [Stage("step", execute, self.jobs(self.only or CASES, rows), ("ms", "ratios", "machine"))]

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        lines = []
        for row in rows["step"]:
            milliseconds, over, memory = ([f"{x:.{d}f}" for x in row[n]] for n, d in _SHOWN.items())
            ratios = [f"{row['ratio']:.3f}", f"{min(row['ratios']):.3f} to {max(row['ratios']):.3f}"]
            lines.append([row["case"], *milliseconds, *ratios, *over, *memory])
        heads = ["before, ms", "now, ms", "ratio", "least to most", "over network, before", "now", "MiB, before", "now"]
        return [table("case", heads, lines)], {}


def execute(job: CommitJob) -> Row:
    """The figures of a case, before and now."""
    with trees(job.against) as folders:
        return measure(CASES[job.case], folders, job.repeats) | {"machine": machine()}


def measure(words: list[str], folders: list[Path], repeats: int) -> Row:
    """Milliseconds of a step and of the network's share, and MiB, of each tree; ratios of the last to the first."""
    with ExitStack() as stack:
        trainings = [stack.enter_context(_training(tree, words)) for tree in folders]
        steps, networks = (
            [[ask(what) for ask in trainings] for _ in range(_TURNS * repeats)] for what in ("steps", "network")
        )
        memory = [ask("memory") for ask in trainings]
    of_turns = [now / before for before, now in steps]
    ratios = [statistics.median(of_turns[k : k + _TURNS]) for k in range(0, len(of_turns), _TURNS)]
    milliseconds, alone = ([statistics.median(row) for row in zip(*found, strict=True)] for found in (steps, networks))
    return {
        "ms": milliseconds,
        "network_ms": alone,
        "over_network": [whole / part for whole, part in zip(milliseconds, alone, strict=True)],
        "ratios": ratios,
        "ratio": statistics.median(ratios),
        "mib": memory,
    }


@contextmanager
def _training(tree: Path, words: list[str]) -> Iterator[Callable[[str], float]]:
    """A training of one tree in a new process, which takes steps on request.

    It is asked for milliseconds of a step (`steps`), or of the network forwards and backwards (`network`), in one turn,
    or for the peak of memory (`memory`).
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
        run = [*words, "--run", f"{folder}/run", "--max-steps", "1000000", "--max-seconds", "1000000"]
        run += ["--log-every", "1000000", "--validate-every", "0"]
        pipes: dict[str, Any] = {"stdin": PIPE, "stdout": PIPE, "stderr": errors, "text": True}
        process = python(tree, [str(_WORKER), "train", *run], cwd=folder, **pipes)

        def ask(what: str) -> float:
            assert process.stdin is not None and process.stdout is not None
            try:
                print(what, file=process.stdin, flush=True)
                return float(process.stdout.readline())
            except (ValueError, BrokenPipeError) as error:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines() or ["no word"]
                raise RuntimeError(f"a training that ended: {said[-1]}") from error

        try:
            yield ask
        finally:
            process.kill()
            process.communicate()
