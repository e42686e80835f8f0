"""What a training writes, on a disk that may not take it, and extras, which may not end it."""

import contextlib
import warnings
from collections.abc import Callable, Iterator

from safetensors import SafetensorError

from ndm.errors import InputError, reason


class SavingError(OSError):
    """A part of a run that cannot be written, e.g. on a full disk: what was saved before it is as it was."""


@contextlib.contextmanager
def saving(what: str) -> Iterator[None]:
    """Within, a disk or a folder that takes no more is a `SavingError`, which says so of `what`."""
    try:
        yield
    except (OSError, SafetensorError, InputError) as error:  # safetensors has its own error for a full disk
        cause = error.__cause__ if isinstance(error, InputError) else error  # as of ndm.files
        if cause is None:
            raise
        why = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
        raise SavingError(f"{what} cannot be written ({why}); what was saved before is whole: make room, and the same "
                          "command resumes") from error


@contextlib.contextmanager
def last_resort(save: Callable[[], None]) -> Iterator[None]:
    """Where a part of a run cannot be written, save() is tried before its `SavingError` goes on: it may be small."""
    try:
        yield
    except SavingError:
        with contextlib.suppress(SavingError):
            save()
        raise


@contextlib.contextmanager
def extra(what: str) -> Iterator[None]:
    """Within, what is no part of the training, as a picture, may fail: a warning says so, and the training goes on.

    A full disk is a `SavingError` all the same: the next checkpoint would meet it too.
    """
    try:
        yield
    except SavingError:
        raise
    except Exception as error:  # of plots, of samplers, of services: whatever it is, it is not worth a training
        warnings.warn(f"{what}: {reason(error)[:300]}; the training goes on without", stacklevel=3)
