"""metrics.jsonl and TensorBoard: the means of every term since the last line."""

import contextlib
import json
from collections import deque
from pathlib import Path
from typing import Any, Self

from ndm.data import DataSet
from ndm.errors import InputError
from ndm.files import parse_json, write_atomically
from ndm.training.saving import saving
from ndm.training.tensorboard import tensorboard
from ndm.training.units import in_unit, unit

_RECENT = 100  # steps over which the status shows the mean


class Metrics:
    """Collects values step by step and writes a line now and then; use as a context manager while writing.

    The total is written in the unit of the data, bits/dim or nats; the terms themselves are in nats.
    """

    def __init__(self, run: Path, data: DataSet) -> None:
        self.path, self.tensorboard, self.data = run / "metrics.jsonl", run / "tensorboard", data
        self.unit = unit(data)
        self.step = 0
        self.pending: dict[str, list[float]] = {}
        self.totals: deque[float] = deque(maxlen=_RECENT)
        self.unwritten: list[str] = []  # the line that the disk did not take

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to write the lines of an unbroken one."""
        return {"pending": self.pending, "totals": list(self.totals), "unwritten": self.unwritten}

    def load(self, step: int, state: dict[str, Any]) -> None:
        """Go on from `step`; the lines that a broken run wrote after it are dropped at the next start."""
        self.step, self.pending = step, {name: list(values) for name, values in state["pending"].items()}
        self.totals.extend(state["totals"])
        self.unwritten = state.get("unwritten", [])

    def __enter__(self) -> Self:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [text for text in lines if (line := _whole(text)) and int(line["step"]) <= self.step]
        kept += [text for text in self.unwritten if text not in kept]
        if kept != lines:
            with saving(str(self.path)):
                write_atomically(self.path, "".join(line + "\n" for line in kept).encode())
        self.unwritten = []
        self.open = contextlib.ExitStack()
        self.writer = self.open.enter_context(tensorboard(self.tensorboard, self.step))
        return self

    def __exit__(self, *error: Any) -> None:
        self.open.__exit__(*error)

    @property
    def recent_total(self) -> float:
        """The mean bound of the last steps, in the unit."""
        return in_unit(sum(self.totals) / max(len(self.totals), 1), self.data)

    def add(self, values: dict[str, float]) -> None:
        """Take the values of one step; the terms of the bound are in nats."""
        for name, value in values.items():
            self.pending.setdefault(name, []).append(value)
        self.totals.append(values["prior"] + values["diffusion"] + values["reconstruction"])

    def means(self) -> dict[str, float]:
        """Those since the last call."""
        means = {name: sum(column) / len(column) for name, column in self.pending.items()}
        self.pending = {}
        return means

    def write(self, step: int, values: dict[str, Any]) -> dict[str, Any]:
        """Write a line, and return it; one that cannot be written is part of the state. Raises `SavingError`."""
        line = {"step": step, "unit": self.unit, "total": self.recent_total} | values
        self.unwritten = [json.dumps(line)]
        with saving(str(self.path)), self.path.open("a") as file:
            file.write(self.unwritten[0] + "\n")
        self.unwritten = []
        with saving(str(self.tensorboard)):
            for name, value in line.items():
                if isinstance(value, float):
                    self.writer.add_scalar(name, value, step)
        return line


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of metrics.jsonl; [] without such a file. Raises `InputError` for one that lacks a term."""
    texts = path.read_text().splitlines() if path.exists() else []
    lines = [line for text in texts if (line := _whole(text))]
    for line in lines:
        if missing := {"seconds", "total", "unit"} - set(line):
            raise InputError(f"{path} with a line for step {line['step']} that lacks {', '.join(sorted(missing))}",
                             "lines as they were written", "remove the line")
    return lines


def _whole(text: str) -> dict[str, Any] | None:
    """A line with its step; None for one cut short by a crash."""
    try:
        line: dict[str, Any] = parse_json(text)
        int(line["step"])
        return line
    except (ValueError, KeyError, TypeError):
        return None
