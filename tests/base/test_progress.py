"""A status is made when it is shown, and not before."""

import io

from rich.console import Console

from ndm.base import progress
from ndm.base.progress import ProgressBar


def test_a_status_is_made_only_for_the_lines_that_are_shown(monkeypatch):
    now, made = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), force_terminal=False, width=80)

    def status() -> str:
        made.append(now[0])
        return f"loss at {now[0]:.0f} s"

    with ProgressBar("training", console) as bar:
        for second in range(40):
            now[0] = float(second)
            bar.update(second / 40, status)
    assert made == [15.0, 30.0]
    assert console.file.getvalue().splitlines() == ["training  38%  loss at 15 s", "training  75%  loss at 30 s"]
