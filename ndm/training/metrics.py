"""metrics.jsonl and TensorBoard: the means of every term since the last line."""

import json
import sys
from collections import deque
from pathlib import Path
from typing import Any, Self

from torch.utils.tensorboard import SummaryWriter

_RECENT = 100  # steps over which the status shows the mean


class Metrics:
    """Collects values step by step and writes a line now and then; lines after `step` (of a broken run) go."""

    def __init__(self, run: Path, step: int) -> None:
        self.path = run / "metrics.jsonl"
        if self.path.exists():
            kept = [line for line in self.path.read_text().splitlines() if _step_of(line) <= step]
            self.path.write_text("".join(line + "\n" for line in kept))
        self.writer = SummaryWriter(str(run / "tensorboard"), purge_step=step)
        self.pending: dict[str, list[float]] = {}
        self.totals: deque[float] = deque(maxlen=_RECENT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.writer.close()

    @property
    def recent_total(self) -> float:
        """The mean bound of the last steps, in nats."""
        return sum(self.totals) / max(len(self.totals), 1)

    def add(self, values: dict[str, float]) -> None:
        """Take the values of one step; the terms of the bound are in nats."""
        for name, value in values.items():
            self.pending.setdefault(name, []).append(value)
        self.totals.append(values["prior"] + values["diffusion"] + values["reconstruction"])

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Write the means since the last line, and `values`."""
        means = {name: sum(column) / len(column) for name, column in self.pending.items()}
        self.pending.clear()
        line = {"step": step} | means | values
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        for name, value in line.items():
            if isinstance(value, float):
                self.writer.add_scalar(name, value, step)

    def warn(self, message: str) -> None:
        """Say it on the screen; the numbers behind it are in the last line."""
        print(f"warning: {message}", file=sys.stderr)


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # a line cut short by a crash
        return sys.maxsize
