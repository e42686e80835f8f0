"""The folder of a run: whose it is, and that one run at a time trains in it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ndm.errors import InputError
from ndm.files import make_folder, write_atomically
from ndm.training.config import check_same
from ndm.training.shards import Shards

_CONFIGURATION = "config.yaml"
AVERAGE = "average.json"  # what ndm average says of a folder that it made


def check_folder(run: Path, text: str) -> None:
    """Raise `InputError` unless the folder is that of the run whose configuration is `text`, empty, or not there."""
    if (run / AVERAGE).exists():
        raise InputError(f"{run}, the average of another run", "that run, or a new folder",
                         "choose another --run folder: an average has no state to go on from")
    if (run / _CONFIGURATION).exists():
        check_same(run / _CONFIGURATION, text)
    elif run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise InputError(f"{run}, which exists and is not a run", "a new or empty folder, or that of this run",
                         "choose another --run folder")


def write_configuration(run: Path, text: str) -> None:
    """Make the folder of the run, where its configuration is `text` from now on."""
    path = run / _CONFIGURATION
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
