"""TensorBoard's files of a run."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from ndm.runs.saving import saving

_THREAD = "tensorboard.summary.writer.event_file_writer"


@contextlib.contextmanager
def tensorboard(folder: Path, step: int) -> Iterator[SummaryWriter]:
    """A writer of what happens from `step` on, closed at the end.

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
