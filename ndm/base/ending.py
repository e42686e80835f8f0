"""Handling of SIGINT and SIGTERM: the command line ends in one line, without a traceback, at any moment.

The package imports this module first, as its other imports take seconds. Programs that import the package keep their
own handling of signals.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from ndm.base import launcher

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LINE, _SHOW_CURSOR = b"ndm: interrupted\n", b"\x1b[?25h"
_AGAIN = 0.01  # seconds


class Ending:
    """Handles SIGINT and SIGTERM of the command line.

    While a command works they raise `KeyboardInterrupt`, once: its files are left whole. Before that (imports), while
    it ends, and afterwards they end the process at once.
    """

    def __init__(self) -> None:
        self.works = False
        self.code = 1
        self.speaks = True

    def take_over(self) -> None:
        """Handle the signals of this process from now on."""
        for number in _SIGNALS:
            signal.signal(number, self._stop)
        sys.unraisablehook = self._raise_again

    def work(self) -> None:
        """Note that a command begins."""
        self.works = True

    def done(self, code: int) -> None:
        """Note that the command has ended with this exit code and has printed everything."""
        self.works, self.code, self.speaks = False, code, False

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.works:
            self.works = False
            raise KeyboardInterrupt
        if self.speaks and is_first():
            with contextlib.suppress(OSError):
                os.write(2, _SHOW_CURSOR * os.isatty(2) + _LINE)
        os._exit(self.code)

    def _raise_again(self, ignored: "sys.UnraisableHookArgs") -> None:
        """Raise again a `KeyboardInterrupt` that Python dropped in a destructor."""
        if ignored.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(ignored)
            return
        self.works = True
        signal.signal(signal.SIGALRM, self._stop)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)


def is_program() -> bool:
    """Whether this process is `ndm` or `python -m ndm.cli`, or one of the workers that it spawned."""
    called = Path(sys.argv[0]) if sys.argv else Path()
    by_name = called.name == "-m" and "ndm.cli" in sys.orig_argv
    return by_name or called.stem == "ndm" or called == Path(__file__).parents[1] / "cli" / "__main__.py"


def is_first() -> bool:
    """Whether this process prints: it is neither spawned by another, nor a later one of several."""
    return "--multiprocessing-fork" not in sys.orig_argv and launcher.rank() == 0


ending = Ending()
if is_program():
    with contextlib.suppress(ValueError):  # not the main thread, which is the only one that signals reach
        ending.take_over()
