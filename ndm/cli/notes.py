"""What a command says of the data that it is about to work on."""

import contextlib
import sys

from ndm.base.processes import Processes


def say_notes(name: str, notes: tuple[str, ...]) -> None:
    """A line for each note on the data called `name`, on the screen and out of the way of results.

    The first process alone says it.
    """
    for note in notes if Processes().is_main else ():
        with contextlib.suppress(OSError):  # a log that takes no more
            print(f"ndm: note: {name}: {note}", file=sys.stderr)
