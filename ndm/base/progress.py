"""Progress of a long command: a bar on a terminal, a line now and then in a log file."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINE_EVERY = 15.0  # seconds, where there is no terminal to draw a bar on
_REFRESH_EVERY = 0.2  # where there is one


class ProgressBar:
    """A progress bar from 0 to 1 with a status text; use as a context manager. Errors of showing it are ignored."""

    def __init__(self, what: str, console: Console | None = None) -> None:
        self.what = what
        self.console = console or Console(stderr=True)
        self.live = self.console.is_terminal
        self.shown = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=self.console,
            refresh_per_second=2,
            disable=not self.live,
        )
        self.task: TaskID = self.bar.add_task(what, total=1.0, status="")

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self.bar.start()
        return self

    def __exit__(self, *error: Any) -> None:
        with contextlib.suppress(OSError):
            self.bar.stop()

    def update(self, fraction: float, status: Callable[[], str] | str) -> None:
        """Show how far it is, now and then; a status that takes time to make is only made when it is shown."""
        now = time.monotonic()
        if now - self.shown < (_REFRESH_EVERY if self.live else _LINE_EVERY) and not (self.live and fraction >= 1):
            return
        self.shown, status = now, status if isinstance(status, str) else status()
        with contextlib.suppress(OSError):
            if self.live:
                self.bar.update(self.task, completed=fraction, status=status)
            else:
                self.console.print(f"{self.what} {fraction:4.0%}  {status}", highlight=False)
