"""How the command line ends where a signal stops it: in one line, without a traceback, at any moment.

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
    """What SIGINT and SIGTERM do to the command line.

    While a command works they are a `KeyboardInterrupt`, once: its files are left whole. Before (imports), while it
    ends, and after it they end the process at once.
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
        """A command begins."""
        self.works = True

    def done(self, code: int) -> None:
        """The command has ended with this exit code, and said what there was to say."""
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
        """A `KeyboardInterrupt` that fell into a destructor, where Python drops it, is raised a moment later."""
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
    """Whether this is the process that speaks: neither spawned by another, nor a later one of several."""
    return "--multiprocessing-fork" not in sys.orig_argv and launcher.rank() == 0


ending = Ending()
if is_program():
    with contextlib.suppress(ValueError):  # not the main thread, which is the only one that signals reach
        ending.take_over()
