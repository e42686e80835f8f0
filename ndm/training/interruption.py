"""Signals that end a run in good order."""

import contextlib
import signal
from typing import Any, Self


class Interruption:
    """True once SIGINT or SIGTERM has come: the step under way ends, and all is saved. A second one stops at once.

    Whoever knows another reason to end the run in good order sets `came`.
    """

    came = False

    def __enter__(self) -> Self:
        self.came = self.noted = False
        self.before: dict[int, Any] = {}
        with contextlib.suppress(ValueError):  # not the main thread, which is the only one that signals reach
            self.before |= {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _note(self, number: int, frame: Any) -> None:
        if self.noted:
            before = self.before.get(number)
            (before if callable(before) else signal.default_int_handler)(number, frame)
        self.came = self.noted = True

    def __bool__(self) -> bool:
        return self.came

    def __exit__(self, *error: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
