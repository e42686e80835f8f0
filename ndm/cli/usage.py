"""What the parser of the command line objects to, in one line like every other error."""

import contextlib
import io
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

_FRAME = "╭╮╰╯│─ "
_SUGGESTIONS = "Perhaps you meant:"


class UsageError(Exception):
    """Words that are no command; its message is one line."""


def in_one_line(parse: Callable[[], Any], command: str) -> Any:
    """parse(), a call of tyro; raises `UsageError` where it would print a box and exit with code 2.

    `command` is the one that is called, whose help is pointed to; nothing, if none is.
    """
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return parse()
    except SystemExit as stopped:
        if stopped.code != 2:
            raise
    raise UsageError(summary(printed.getvalue(), command))


def summary(box: str, command: str) -> str:
    """The objection that a box of tyro's shows, its best suggestion, and where to find help."""
    _, *lines = (line.strip(_FRAME) for line in box.splitlines())  # a frame alone, a rule and a blank line are ""
    return "; ".join(filter(None, _parts(lines, command)))


def _parts(lines: list[str], command: str) -> Iterator[str]:
    yield " ".join(takewhile(bool, lines)).removeprefix("Error parsing ").rstrip(".")
    if _SUGGESTIONS in lines:
        yield f"perhaps you meant {lines[lines.index(_SUGGESTIONS) + 1]}"
    for line in lines[:-3:-1]:  # below the last of them is the frame
        if line.endswith("--help"):
            words = line.rpartition(" run ")[2]
            yield f"see ndm {command} --help" if command and words == "ndm --help" else f"see {words}"
