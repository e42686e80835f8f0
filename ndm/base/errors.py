"""The exception for wrong use: what was got, what was expected, what to do, in one line."""

import errno
import os
import re
from dataclasses import dataclass
from typing import Self

_CHECK_NAME = "move it away, or choose another name"
# What the system's refusals ask for, and what to do about them. A missing file is not here: it says what it is for.
_REFUSALS = {
    errno.EISDIR: ("a file, not a folder", _CHECK_NAME),
    errno.ENOTDIR: ("a folder, not a file", _CHECK_NAME),
    errno.EEXIST: ("a folder, not a file", _CHECK_NAME),
    errno.ENOTEMPTY: ("a folder that is new or empty", "choose another: somebody has filled it meanwhile"),
    errno.EACCES: ("permission for this user", "change the permissions, or choose another place"),
    errno.EPERM: ("permission for this user", "change the permissions, or choose another place"),
    errno.EROFS: ("a disk that can be written", "choose a place on another disk"),
    errno.ENOSPC: ("room on the disk", "make room"),
    errno.EDQUOT: ("room in the quota of this user", "make room"),
    errno.EFBIG: ("a file of the size that is allowed", "raise the limit: ulimit -f"),
    errno.EMFILE: ("fewer open files", "raise the limit: ulimit -n"),
    errno.ENFILE: ("fewer open files", "end other programs"),
    errno.ENAMETOOLONG: ("a shorter name", "choose one"),
    errno.ELOOP: ("a link that leads somewhere", "remove or mend the link"),
    errno.EIO: ("a disk that works", "check it"),
    errno.ESTALE: ("a disk that answers", "connect it again"),
}


def reason(error: BaseException) -> str:
    """The message of another library's error, with its type, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


@dataclass(frozen=True)
class Setting:
    """One setting, as it is written in Python and on the command line."""

    in_python: str
    on_command_line: str


class Advice(str):
    """Advice that names settings, in the words of Python and in those of the command line."""

    on_command_line: str

    @classmethod
    def of(cls, text: str, *settings: Setting) -> Self:
        """Make advice from a text with a {} for each setting."""
        advice = cls(text.format(*(each.in_python for each in settings)))
        advice.on_command_line = text.format(*(each.on_command_line for each in settings))
        return advice


class InputError(ValueError):
    """Wrong input or wrong use. The command line prints it as one line and exits with code 2."""

    def __init__(self, got: str, expected: str, advice: str = "") -> None:
        self.got, self.expected, self.advice = got, expected, advice
        super().__init__(self._line(advice))

    @property
    def on_command_line(self) -> str:
        """The message with its advice in the words of the command line."""
        return self._line(getattr(self.advice, "on_command_line", self.advice))

    def _line(self, advice: str) -> str:
        return f"got {self.got}; expected {self.expected}" + (f"; {advice}" if advice else "")

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Pickle the error with its arguments, for other processes."""
        return type(self), (self.got, self.expected, self.advice)


class SavingError(OSError):
    """Raised where a part of a run cannot be written, e.g. on a full disk; what was saved before stays whole."""


def refused(what: object, done: str, error: Exception, expected: str, advice: str = "") -> InputError:
    """Make the `InputError` for a path that cannot be `done` (read, written): why, and what to do about it.

    `expected` and `advice` are for a file that is missing or damaged: what the system refuses has its own. An error of
    memory has nothing to do with the file, and is raised as it is.
    """
    if is_out_of_memory(error):
        raise error
    expected, advice = _REFUSALS.get(number(error) or 0, (expected, advice))
    return InputError(f"{what}, which cannot be {done} ({why(error)})", expected, advice)


def why(error: Exception) -> str:
    """The message of an error in one line: the system's words where it comes from the system."""
    found = number(error)
    return os.strerror(found) if found else reason(error)[:300]


def remedy(error: Exception) -> str:
    """Advice for what the system refuses, by its cause."""
    return _REFUSALS.get(number(error) or 0, ("", "mend that"))[1]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: a type of NumPy, Python or PyTorch, or PyTorch's message on CPUs."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))
    )


def number(error: Exception) -> int | None:
    """The system's number of an error, which errors of safetensors have in their text."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None
