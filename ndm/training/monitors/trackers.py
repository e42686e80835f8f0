"""Services that follow a run (W&B, MLflow, ...), through Accelerate's trackers."""

from pathlib import Path
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, get_available_trackers

from ndm.base.errors import InputError, reason
from ndm.base.registry import choose
from ndm.runs.saving import extra
from ndm.settings import parsed

_PACKAGES = {"comet_ml": "comet-ml"}


def make_trackers(names: tuple[str, ...], run: Path) -> list[GeneralTracker]:
    """The trackers of these names, not yet started.

    Raises `InputError` for a name that Accelerate does not know, and for a package that is not installed.
    """
    available = {str(name) for name in get_available_trackers()}
    known = {name: kind for name, kind in LOGGER_TYPE_TO_CLASS.items() if name != "tensorboard"}  # always written
    trackers = []
    for name in dict.fromkeys(names):
        kind: Any = choose("tracker", name, known)
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
    """They get every line of metrics; use as a context manager, in which they are started and finished.

    `configuration` is that of the run, YAML. One that cannot be started is an `InputError`; one that fails later is a
    warning, and the training goes on.
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
