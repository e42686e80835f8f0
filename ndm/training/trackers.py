"""Services that follow a run (W&B, MLflow, ...), through Accelerate's trackers."""

from pathlib import Path
from typing import Any

import yaml
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, get_available_trackers

from ndm.errors import InputError
from ndm.registry import choose

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
            raise InputError(f"tracker {name!r} without the package {package}", "a tracker that is installed",
                             f"pip install {package}")
        folder = (str(run / name),) if kind.requires_logging_directory else ()
        trackers.append(kind(run.name, *folder))
    return trackers


class Trackers:
    """They get every line of metrics; use as a context manager, in which they are started and finished.

    `configuration` is that of the run, YAML.
    """

    def __init__(self, names: tuple[str, ...], run: Path, configuration: str) -> None:
        self.trackers, self.configuration = make_trackers(names, run), yaml.safe_load(configuration)

    def __enter__(self) -> "Trackers":
        for tracker in self.trackers:
            tracker.start()
            tracker.store_init_configuration(self.configuration)
        return self

    def __exit__(self, *error: Any) -> None:
        for tracker in self.trackers:
            tracker.finish()

    def log(self, line: dict[str, Any]) -> None:
        """Send the numbers of a line of metrics."""
        numbers = {name: value for name, value in line.items() if isinstance(value, float)}
        for tracker in self.trackers:
            tracker.log(numbers, step=line["step"])
