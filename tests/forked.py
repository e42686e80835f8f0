"""Commands in processes of their own that start in no time: python forked.py, in the folder where they work.

A line of JSON in, some [words, moments, signal] that are started together; one out, [exit code, out, err] of each. A
moment is an event of Python's own audit and what its first argument contains, "open:metrics.jsonl", at which the
command gets the signal; or "exit", after all of the command. Children are forked from this process, which has imported
everything and computed nothing.
"""

import atexit
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.argv = ["ndm"]  # it is the program

from ndm.base import progress  # noqa: E402
from ndm.cli import main  # noqa: E402

progress._LINE_EVERY = math.inf  # a busy machine would make them say how far they are


def hear(moments: list[str], number: int) -> None:
    """Send the signal at each of the moments, in turn."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if moments and event == moments[0].partition(":")[0] and moments[0].partition(":")[2] in str(arguments[:1]):
            moments.pop(0)
            os.kill(os.getpid(), number)

    sys.addaudithook(note)
    if moments == ["exit"]:
        atexit.register(os.kill, os.getpid(), number)


for line in sys.stdin:
    commands, children = json.loads(line), []
    for place, (words, moments, name) in enumerate(commands):
        children.append(os.fork())
        if not children[-1]:
            for stream in (1, 2):
                os.dup2(os.open(f"said-{place}-{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            sys.argv += words.split()
            hear(moments.split(), getattr(signal, name))
            sys.exit(main())
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    said = [[Path(f"said-{place}-{stream}").read_text() for stream in (1, 2)] for place in range(len(children))]
    print(json.dumps([[code, *words] for code, words in zip(codes, said, strict=True)]), flush=True)
