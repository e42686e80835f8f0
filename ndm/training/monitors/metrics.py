"""Metrics of a run: lines with the means of every term since the last line.

They are written to RUN/metrics.jsonl and RUN/tensorboard, and sent to services (W&B, MLflow, ...) through Accelerate's
trackers.
"""

import contextlib
import json
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, get_available_trackers
from torch.utils.tensorboard import SummaryWriter

from ndm.base.axes import TRACKERS
from ndm.base.errors import InputError, reason
from ndm.base.files import write_atomically
from ndm.base.settings import parsed
from ndm.bounds.units import in_unit, unit
from ndm.data import DataSet
from ndm.runs.metrics import bytes_of, line_of, warn_of_damage
from ndm.runs.writing import saving
from ndm.training.ending import extra

_RECENT = 100  # steps over which the status shows the mean
_THREAD = "tensorboard.summary.writer.event_file_writer"
_PACKAGES = {"comet_ml": "comet-ml"}


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
        """The state that a resumed run needs to write the lines of an unbroken one."""
        return {"pending": self.pending, "totals": list(self.totals), "unwritten": self.unwritten}

    def load(self, step: int, state: dict[str, Any]) -> None:
        """Go on from `step`; the lines that a broken run wrote after it are dropped at the next start."""
        self.step, self.pending = step, {name: list(values) for name, values in state["pending"].items()}
        self.totals.extend(state["totals"])
        self.unwritten = list(state["unwritten"])

    def __enter__(self) -> Self:
        before = bytes_of(self.path)
        *lines, torn = before.split(b"\n")
        # What was torn at the end, by a crash, is of a step that is trained again; nothing else that is odd is lost.
        lines += [torn] if line_of(torn) else []
        kept = [text for text in lines if not (line := line_of(text)) or line["step"] <= self.step]
        kept += [text.encode() for text in self.unwritten if text.encode() not in kept]
        if (content := b"".join(line + b"\n" for line in kept)) != before:
            with saving(str(self.path)):
                write_atomically(self.path, content)
        warn_of_damage(self.path, kept, "it stays as it is")
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
        """The means since the last call."""
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


@contextlib.contextmanager
def tensorboard(folder: Path, step: int) -> Iterator[SummaryWriter]:
    """Open a TensorBoard writer from `step` on, which is closed at the end.

    Its thread keeps what it cannot write for the next call, which raises it: the traceback that the thread would print
    as well is left out. Raises `SavingError` at the start, and at the end if nothing else went wrong.
    """
    before = threading.excepthook

    def elsewhere(happened: threading.ExceptHookArgs) -> None:
        if type(happened.thread).__module__ != _THREAD:
            before(happened)

    threading.excepthook = elsewhere
    try:
        with saving(str(folder)):
            writer = SummaryWriter(str(folder), purge_step=step)
        try:
            yield writer
        except BaseException:
            with contextlib.suppress(OSError):
                writer.close()
            raise
        with saving(str(folder)):
            writer.close()
    finally:
        threading.excepthook = before


def make_trackers(names: tuple[str, ...], run: Path) -> list[GeneralTracker]:
    """Make the trackers of these names, without starting them.

    Raises `InputError` for a name that Accelerate does not know, and for a package that is not installed.
    """
    available = {str(name) for name in get_available_trackers()}
    known = {name: kind for name, kind in LOGGER_TYPE_TO_CLASS.items() if name != "tensorboard"}  # always written
    trackers = []
    for name in dict.fromkeys(names):
        kind: Any = TRACKERS.find(name, known)
        built_in = kind.__module__ == "accelerate.tracking"
        if built_in and name not in available:
            package = _PACKAGES.get(name, name)
            raise InputError(
                f"tracker {name!r} without the package {package}",
                "a tracker that is installed",
                f"pip install {package}",
            )
        folder = (str(run / name),) if kind.requires_logging_directory else ()
        trackers.append(kind(run.name, *folder))
    return trackers


class Trackers:
    """Sends every line of metrics to trackers; a context manager that starts and finishes them.

    `configuration` is that of the run, YAML. A tracker that cannot be started is an `InputError`; one that fails later
    is a warning, and training goes on.
    """

    def __init__(self, names: tuple[str, ...], run: Path, configuration: str) -> None:
        self.trackers, self.configuration = make_trackers(names, run), parsed(configuration)
        self.started: list[GeneralTracker] = []

    def __enter__(self) -> "Trackers":
        for tracker in self.trackers:
            try:
                tracker.start()
                tracker.store_init_configuration(self.configuration)
            except Exception as error:  # of a service, its settings or the network
                self.__exit__()
                raise InputError(
                    f"tracker {tracker.name!r}, which cannot be started ({reason(error)[:300]})",
                    "a service that is set up",
                    "leave --tracker out to train without",
                ) from error
            self.started.append(tracker)
        return self

    def __exit__(self, *error: Any) -> None:
        for tracker in self.started:
            with extra(f"the tracker {tracker.name} cannot be finished"):
                tracker.finish()
        self.started = []

    def log(self, line: dict[str, Any]) -> None:
        """Send the numbers of a line of metrics."""
        numbers = {name: value for name, value in line.items() if isinstance(value, float)}
        for tracker in self.trackers:
            with extra(f"the tracker {tracker.name} misses the line of step {line['step']}"):
                tracker.log(numbers, step=line["step"])
