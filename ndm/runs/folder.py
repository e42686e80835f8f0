"""The folder of a run: its configuration, and the lock by which one training at a time uses it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ndm.base.errors import InputError, refused
from ndm.base.files import is_temporary, make_folder, read_text, write_atomically
from ndm.base.processes import Processes
from ndm.config import check_same
from ndm.runs.checkpoint import latest, read_progress, saved_step

CONFIGURATION, _LOCK = "config.yaml", ".lock"
AVERAGE = "average.json"  # what ndm average says of a folder that it made
# What a run has from its first checkpoint on.
_AFTER_CHECKPOINTS = ("model", "state", "best", "averages", "evaluation.json", "evaluations", "report")


def check_folder(run: Path, text: str) -> Path | None:
    """Check that a run with the configuration `text` can be trained in a folder, and return its latest checkpoint.

    Raises `InputError` unless the folder is that of such a run, which has its checkpoints, empty, or not there.
    """
    if (run / AVERAGE).exists():
        raise InputError(
            f"{run}, the average of another run",
            "that run, or a new folder",
            "choose another --run folder: an average has no state to go on from",
        )
    if (run / CONFIGURATION).exists():
        found = latest(run)
        check_same(
            run / CONFIGURATION, text, None if found is None else read_progress(found / "state")["configuration"]
        )
        if found is None and (left := left_of_checkpoints(run)):
            raise InputError(
                f"{run}, a run whose checkpoints are gone (its {left} is there)",
                f"{run / 'checkpoints'} as it was",
                "restore it, or remove the folder to start anew, or choose another --run folder",
            )
        return found
    if run.exists() and not (run.is_dir() and _is_empty(run)):
        raise InputError(
            f"{run}, which exists and is not a run",
            "a new or empty folder, or that of this run",
            "choose another --run folder",
        )
    return None


def left_of_checkpoints(run: Path) -> str | None:
    """Find what shows that a run without a checkpoint had one; None where it stopped before its first."""
    left = [name for name in _AFTER_CHECKPOINTS if (run / name).is_symlink() or (run / name).exists()]
    return left[0] if left else None


@contextlib.contextmanager
def locked(run: Path, processes: Processes) -> Iterator[None]:
    """Lock the folder against other trainings; the system releases the lock, however a process ends.

    Raises `InputError` for a folder in which another run trains.
    """
    lock = FileLock(run / _LOCK)

    def acquire() -> None:
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"{run}, where another process trains",
                "a run that nobody else is training",
                "wait for it, or choose another --run folder",
            ) from error
        except NotImplementedError as error:
            raise InputError(
                f"{run}, on a disk without locks",
                "a disk on which files can be locked (flock)",
                "choose a --run folder on a local disk",
            ) from error
        except OSError as error:
            raise refused(lock.lock_file, "written", error, "a folder that can be") from error

    try:
        processes.by_first(acquire)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def alone(run: Path, text: str, step: int, processes: Processes) -> Iterator[None]:
    """Claim the folder for this training, whose configuration is `text` from now on.

    Raises `InputError` for a folder in which another run trains, and where one has since this one read its `step`.
    """

    def claim() -> None:
        if not step:  # what was read has a checksum
            check_folder(run, text)
        if saved_step(run) != step:
            raise InputError(
                f"{run}, where another process has trained since this one looked",
                f"its state of step {step}",
                "the same command goes on from where that one ended",
            )
        write_configuration(run, text)

    with locked(run, processes):
        processes.by_first(claim)
        yield


def write_configuration(run: Path, text: str) -> None:
    """Make the folder of the run and write its configuration `text`."""
    path = run / CONFIGURATION
    make_folder(run)
    if not path.exists() or read_text(path, "the file that ndm train wrote", "restore it") != text:
        write_atomically(path, text.encode())


def _is_empty(run: Path) -> bool:
    """Whether the folder holds only what a training that has just begun leaves."""
    return all(each.name == _LOCK or is_temporary(each) for each in run.iterdir())
