"""What a training writes, on a disk that may not take it."""

import contextlib
from collections.abc import Callable, Iterator

from safetensors import SafetensorError

from ndm.errors import InputError, is_out_of_memory, remedy, why
from ndm.training.shards import Shards


class SavingError(OSError):
    """A part of a run that cannot be written, e.g. on a full disk: what was saved before it is as it was."""


@contextlib.contextmanager
def saving(what: str) -> Iterator[None]:
    """Within, a disk or a folder that takes no more is a `SavingError`, which says so of `what`."""
    try:
        yield
    except (OSError, SafetensorError, InputError) as error:  # safetensors has its own error for a full disk
        cause = error.__cause__ if isinstance(error, InputError) else error  # as of ndm.files
        if not isinstance(cause, Exception):
            raise
        raise SavingError(f"{what} cannot be written ({why(cause)}); what was saved before is whole: {remedy(cause)}, "
                          "and the same command resumes") from error


@contextlib.contextmanager
def last_resort(save: Callable[[], None], shards: Shards) -> Iterator[None]:
    """Where a part of a run cannot be written, save() is tried before the error goes on: it may be small.

    Likewise where memory is short, in one process: of several one alone has met that, and the others wait elsewhere.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SavingError) or (is_out_of_memory(error) and shards.number == 1):
            with contextlib.suppress(SavingError):
                save()
        raise
