"""What a training writes, on a disk that may not take it, and extras, which may not end it."""

import contextlib
import warnings
from collections.abc import Callable, Iterator

from safetensors import SafetensorError

from ndm.base.errors import InputError, SavingError, is_out_of_memory, reason, remedy, why
from ndm.base.processes import Processes


@contextlib.contextmanager
def saving(what: str) -> Iterator[None]:
    """Within, a disk or a folder that takes no more is a `SavingError`, which says so of `what`."""
    try:
        yield
    except (OSError, SafetensorError, InputError) as error:  # safetensors has its own error for a full disk
        cause = error.__cause__ if isinstance(error, InputError) else error  # as of ndm.base.files
        if not isinstance(cause, Exception):
            raise
        raise SavingError(
            f"{what} cannot be written ({why(cause)}); what was saved before is whole: {remedy(cause)}, "
            "and the same command resumes"
        ) from error


@contextlib.contextmanager
def last_resort(save: Callable[[], None], processes: Processes) -> Iterator[None]:
    """Where a part of a run cannot be written, save() is tried before the error goes on: it may be small.

    Likewise where memory is short, in one process: of several one alone has met that, and the others wait elsewhere.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SavingError) or (is_out_of_memory(error) and processes.number == 1):
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
