"""metrics.jsonl and TensorBoard: the means of every term since the last line."""

import contextlib
import json
import math
import warnings
from collections import deque
from pathlib import Path
from typing import Any, Self

from ndm.base.errors import refused
from ndm.base.files import parse_json, write_atomically
from ndm.bounds.units import in_unit, unit
from ndm.data import DataSet
from ndm.runs.saving import saving
from ndm.training.monitors.tensorboard import tensorboard

_RECENT = 100  # steps over which the status shows the mean
_ZEROS = b"\0 \r\t"


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
        before = _content(self.path)
        *lines, torn = before.split(b"\n")
        # What was torn at the end, by a crash, is of a step that is trained again; nothing else that is odd is lost.
        lines += [torn] if _whole(torn) else []
        kept = [text for text in lines if not (line := _whole(text)) or line["step"] <= self.step]
        kept += [text.encode() for text in self.unwritten if text.encode() not in kept]
        if (content := b"".join(line + b"\n" for line in kept)) != before:
            with saving(str(self.path)):
                write_atomically(self.path, content)
        _warn(self.path, kept, "it stays as it is")
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
    """The lines of metrics.jsonl; [] without such a file. A warning says how many cannot be read: they are left out.

    Raises `InputError` where the file cannot be read at all.
    """
    texts = _content(path).splitlines()
    _warn(path, texts, "it is left out")
    return [line for text in texts if (line := _whole(text))]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise refused(path, "read", error, "the file that ndm train wrote", "move it away") from error


def _warn(path: Path, lines: list[bytes], what: str) -> None:
    """Say how many of the lines are none, and which is the first."""
    odd = [number for number, text in enumerate(lines, 1) if text.strip(_ZEROS) and not _whole(text)]
    if odd:
        warnings.warn(
            f"{path}, line {odd[0]}" + f" and {len(odd) - 1} more" * (len(odd) > 1) + f", cannot be read: {what}",
            stacklevel=3,
        )


def _whole(text: bytes) -> dict[str, Any] | None:
    """A line with what is shown of it; None for one that a crash or another program has damaged."""
    try:
        line = parse_json(text.strip(_ZEROS).decode())  # a power cut may leave zeros where a line was to be
        whole = (
            isinstance(line, dict)
            and isinstance(line["step"], int)
            and isinstance(line["unit"], str)
            and math.isfinite(line["total"])
            and math.isfinite(line["seconds"])
        )
        return line if whole else None
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
