"""The folder of a run: whose it is, and that one run at a time trains in it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ndm.errors import InputError
from ndm.files import make_folder, write_atomically
from ndm.training import checkpoint
from ndm.training.config import check_same
from ndm.training.shards import Shards
from ndm.training.state import read_progress

CONFIGURATION = "config.yaml"
AVERAGE = "average.json"  # what ndm average says of a folder that it made
# What a run has from its first checkpoint on.
_AFTER_CHECKPOINTS = ("model", "state", "best", "averages", "evaluation.json", "evaluations", "report")


def check_folder(run: Path, text: str) -> Path | None:
    """The latest checkpoint, verified, of a folder in which a run with the configuration `text` can be trained.

    Raises `InputError` unless the folder is that of such a run, which has its checkpoints, empty, or not there.
    """
    if (run / AVERAGE).exists():
        raise InputError(f"{run}, the average of another run", "that run, or a new folder",
                         "choose another --run folder: an average has no state to go on from")
    if (run / CONFIGURATION).exists():
        found = checkpoint.latest(run)
        check_same(run / CONFIGURATION, text,
                   None if found is None else read_progress(found / "state")["configuration"])
        if found is None and (left := left_of_checkpoints(run)):
            raise InputError(f"{run}, a run whose checkpoints are gone (its {left} is there)",
                             f"{run / 'checkpoints'} as it was", "restore it, or remove the folder to start anew, or "
                             "choose another --run folder")
        return found
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise InputError(f"{run}, which exists and is not a run", "a new or empty folder, or that of this run",
                         "choose another --run folder")
    return None


def left_of_checkpoints(run: Path) -> str | None:
    """What shows that a run without a checkpoint had one; None where it was stopped before its first."""
    left = [name for name in _AFTER_CHECKPOINTS if (run / name).is_symlink() or (run / name).exists()]
    return left[0] if left else None


def write_configuration(run: Path, text: str) -> None:
    """Make the folder of the run, where its configuration is `text` from now on."""
    path = run / CONFIGURATION
    make_folder(run)
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text.encode())


@contextlib.contextmanager
def alone(run: Path, shards: Shards) -> Iterator[None]:
    """Refuse a folder in which another run trains; the system gives the lock back, however a process ends."""
    lock = FileLock(run / ".lock")
    with shards.agreed():
        try:
            if shards.is_main:
                lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"{run}, where another process trains", "a run that nobody else is training",
                             "wait for it, or choose another --run folder") from error
        except OSError as error:
            raise InputError(f"{run}, which cannot be written ({error.strerror})", "a folder that can be") from error
    try:
        yield
    finally:
        lock.release()
