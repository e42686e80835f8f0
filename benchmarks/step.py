"""What a training step costs: CPU time against another commit, and against the network alone.

Both commits train at the same time, each in a process of one thread, and take turns of a few steps: what else the
machine does weighs on both alike. What is timed is `ndm train` itself, from one backward pass to the next, by the
process's own clock, so that a step counts with all that belongs to it, and any two commits with a command line can be
compared.
"""

import json
import os
import runpy
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

CASES = {
    "digits": ["digits"],
    "digits-8": ["digits", "--timesteps", "8"],
    "cities": ["cities"],
    "cities-4": ["cities", "--timesteps", "4"],
}
_WARM_UP = 20
_TURN = 20  # steps of a turn
_NETWORKS = ("UNet", "MLP")  # the denoisers of these recipes


@dataclass(frozen=True)
class Step:
    """CPU time of whole training steps on one thread, this checkout against another commit, in turns."""

    against: str = "c79c47b"
    """The other commit."""
    repeats: int = 5
    """Turns of each; the result is the median of their ratios."""
    only: tuple[Literal["digits", "digits-8", "cities", "cities-4"], ...] = ()
    """Only these cases: a recipe, or one with that number of steps."""
    out: Path | None = None
    """A JSON file for the result."""

    def run(self) -> int:
        """Measure, show, write. Exit code 1 where a commit cannot be measured."""
        repository = Path(__file__).resolve().parent.parent
        result: dict[str, Any] = {
            "command": shlex.join(["python", "-m", "benchmarks", "step", "--against", self.against])
        }
        print(f"{'':10}{'before':>9}{'now':>9}{'ratio':>8}{'least':>8}{'most':>8}{'over network':>15}{'MiB':>12}")
        with _checkout(repository, self.against) as other:
            for name in self.only or CASES:
                try:
                    row = _measure(CASES[name], [other, repository], self.repeats)
                except RuntimeError as error:
                    print(f"benchmarks: {name}: {error}", file=sys.stderr)
                    return 1
                result[name] = row
                low, high = min(row["ratios"]), max(row["ratios"])
                print(
                    f"{name:10}{row['ms'][0]:9.2f}{row['ms'][1]:9.2f}{row['ratio']:8.3f}{low:8.3f}{high:8.3f}"
                    f"{row['over_network'][0]:8.2f}{row['over_network'][1]:7.2f}{row['mib'][0]:6.0f}{row['mib'][1]:6.0f}",
                    flush=True,
                )
        if self.out:
            self.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        return 0


@contextmanager
def _checkout(repository: Path, commit: str) -> Iterator[Path]:
    """A worktree of the commit, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(repository), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _measure(words: list[str], trees: list[Path], repeats: int) -> dict[str, Any]:
    """Milliseconds of a step and of the network's share, and MiB, of each tree; ratios of the last to the first."""
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(tree, words)) for tree in trees]
        steps = [[worker.ask("steps") for worker in workers] for _ in range(repeats)]
        networks = [[worker.ask("network") for worker in workers] for _ in range(repeats)]
        memory = [worker.ask("memory") for worker in workers]
    ratios = [now / before for before, now in steps]
    milliseconds, alone = ([statistics.median(row) for row in zip(*found, strict=True)] for found in (steps, networks))
    return {
        "ms": milliseconds,
        "network_ms": alone,
        "over_network": [whole / part for whole, part in zip(milliseconds, alone, strict=True)],
        "ratios": ratios,
        "ratio": statistics.median(ratios),
        "mib": memory,
    }


class _Worker:
    """A training of one tree, in a process of its own, that goes on when it is asked to."""

    def __init__(self, tree: Path, words: list[str]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        run = [*words, "--run", f"{self.folder.name}/run", "--max-steps", "1000000", "--max-seconds", "1000000"]
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the worker
        self.process = subprocess.Popen(
            [sys.executable, __file__, "train", *run, "--log-every", "1000000", "--validate-every", "0"],
            env=os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            cwd=self.folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def ask(self, what: str) -> float:
        """Milliseconds of a step, or of the network forwards and backwards, in one turn; or the peak of memory."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(what + "\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline())
        except (ValueError, BrokenPipeError) as error:
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace").strip().splitlines() or ["no word"]
            raise RuntimeError(f"a training that ended: {said[-1]}") from error

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()
        self.folder.cleanup()


class _Training:
    """What runs in a worker's process: `ndm train`, stopped before a backward pass whenever a turn is over."""

    def __init__(self) -> None:
        self.backward = torch.autograd.backward
        self.answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what the training says is no answer
        self.number, self.left, self.before = 0, 0, 0.0
        self.seconds: list[float] = []
        self.network: Any = None
        self.seen: tuple[Any, ...] = ()
        self.hook = torch.nn.modules.module.register_module_forward_pre_hook(self.notice)
        torch.autograd.backward = self.step

    def notice(self, module: Any, arguments: tuple[Any, ...]) -> None:
        """Remember the network and what it was given."""
        if type(module).__name__ in _NETWORKS:
            self.network, self.seen = module, arguments

    def step(self, *arguments: Any, **options: Any) -> None:
        """A backward pass, after the time since the last one is taken."""
        self.number += 1
        if self.number > _WARM_UP:
            self.hook.remove()
            if self.left:
                self.seconds.append(time.process_time() - self.before)
                self.left -= 1
            while not self.left:
                self.answer()
        self.before = time.process_time()
        self.backward(*arguments, **options)

    def answer(self) -> None:
        """Say what the last turn was, and wait for the next."""
        if self.seconds:
            self.say(1000 * statistics.median(self.seconds))
            self.seconds = []
        match sys.stdin.readline().strip():
            case "steps":
                self.left = _TURN
            case "network":
                self.say(1000 * self.alone())
            case "memory":
                lines = Path("/proc/self/status").read_text().splitlines()
                self.say(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10)
            case _:
                os._exit(0)

    def say(self, number: float) -> None:
        print(number, file=self.answers, flush=True)

    def alone(self) -> float:
        """Seconds of the network forwards and backwards."""
        given = [x.detach() if isinstance(x, torch.Tensor) else x for x in self.seen]
        given[0].requires_grad_()
        weights = [given[0], *self.network.parameters()]
        factor = torch.ones_like(self.network(*given))
        seconds = []
        for _ in range(_TURN):
            before = time.process_time()
            torch.autograd.grad(self.network(*given), weights, factor, allow_unused=True)
            seconds.append(time.process_time() - before)
        return statistics.median(seconds)


def _train() -> None:
    """`ndm train` under the eyes of the process that started this one."""
    sys.path.pop(0)  # this folder: modules come from PYTHONPATH
    _Training()
    sys.argv[0] = "ndm"
    runpy.run_module("ndm.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":  # in a worker's process
    _train()
