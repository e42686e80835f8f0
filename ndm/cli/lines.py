"""Lines beside the results, on standard error: of errors, warnings, and notes on data."""

import contextlib
import sys
from typing import Any

from ndm.base import launcher


def say(message: str) -> None:
    """A line that names the program, and the process where there are several."""
    who = f"process {launcher.rank()}: " if launcher.rank() else ""
    with contextlib.suppress(OSError):  # a log that takes no more
        print(f"ndm: {who}{_one_line(message)}", file=sys.stderr)


def warn(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """Print our warnings as one line; those of libraries are not shown."""
    if category is UserWarning:
        with contextlib.suppress(OSError):
            print(f"ndm: warning: {_one_line(str(message))}", file=sys.stderr)


def say_notes(name: str, notes: tuple[str, ...]) -> None:
    """A line for each note on the data called `name`; the first process alone says it."""
    for note in notes if launcher.rank() == 0 else ():
        say(f"note: {name}: {note}")


def _one_line(message: str) -> str:
    """The message without line breaks, which a name of the data or a path may have."""
    return " ".join(message.splitlines())
