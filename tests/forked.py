"""Commands in processes of their own that start in no time: python forked.py.

A line of JSON in, some commands that are started together; one out, [exit code, out, err] of each. A command has

words     what Python is called with: -m MODULE ..., -c CODE ... or FILE ...; or ndm ..., the program
folder    where it works
env       all of its environment
moments   events of Python's own audit with what their first argument contains, "open:metrics.jsonl", at each of which
          it gets the signal; or "exit", after all of the command
signal    by its name

Children are forked from this process, which has imported everything and computed nothing. One that takes longer than
two minutes is killed.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import math
import os
import pkgutil
import runpy
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

sys.argv = ["ndm"]  # it is the program

import ndm  # noqa: E402
from ndm.base import progress  # noqa: E402
from ndm.base.errors import InputError  # noqa: E402
from ndm.cli import main  # noqa: E402

_SECONDS = 120
_MORE = ("torch._dynamo", "torch.distributed.tensor", "matplotlib.backends.backend_agg")  # imported by a first step

progress._LINE_EVERY = math.inf  # a busy machine would make them say how far they are


def import_all() -> None:
    """Import what commands import when they need it; extras may not be installed."""
    ours = [module.name for module in pkgutil.walk_packages(ndm.__path__, "ndm.")]
    for name in [*ours, *_MORE]:
        if not name.endswith("__main__"):
            with contextlib.suppress(ImportError, InputError):
                importlib.import_module(name)


def hear(moments: list[str], number: int) -> None:
    """Send the signal at each of the moments, in turn."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if moments and event == moments[0].partition(":")[0] and moments[0].partition(":")[2] in str(arguments[:1]):
            moments.pop(0)
            os.kill(os.getpid(), number)

    if moments == ["exit"]:
        atexit.register(os.kill, os.getpid(), number)
    elif moments:
        sys.addaudithook(note)


def work(command: dict[str, Any], said: tuple[Path, Path]) -> None:
    """Do what Python does when it is called with these words; in a child."""
    for stream, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["env"])
    sys.path[:0] = filter(None, command["env"].get("PYTHONPATH", "").split(os.pathsep))
    hear(command["moments"].split(), getattr(signal, command["signal"]))
    program, *words = command["words"]
    if program == "ndm":
        sys.argv = [program, *words]
        sys.exit(main())
    if program == "-m":
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif program == "-c":
        sys.argv = ["-c", *words[1:]]
        exec(words[0], {"__name__": "__main__"})
    else:
        sys.argv = [program, *words]
        sys.path[0] = str(Path(program).parent)
        runpy.run_path(program, run_name="__main__")


def leave(function: Callable[[], None]) -> NoReturn:
    """End this process as Python does after `function`, but for what it takes a second to: to free what is imported."""
    try:
        function()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def ends(children: list[int]) -> list[int]:
    """The exit codes of children, all of which have ended."""
    codes, until = {}, time.monotonic() + _SECONDS
    while len(codes) < len(children):
        for child in children:
            if child not in codes:
                if time.monotonic() > until:
                    os.kill(child, signal.SIGKILL)
                found, status = os.waitpid(child, os.WNOHANG)
                codes |= {child: os.waitstatus_to_exitcode(status)} if found else {}
        time.sleep(0.005)
    return [codes[child] for child in children]


import_all()
gc.freeze()  # else a collection in a child writes to the memory that all share
for line in sys.stdin:
    children, texts = [], []
    folder = Path(tempfile.mkdtemp())  # no context manager: a child that ends would remove it too
    for place, command in enumerate(json.loads(line)):
        texts.append((folder / f"{place}.out", folder / f"{place}.err"))
        children.append(os.fork())
        if not children[-1]:
            leave(functools.partial(work, command, texts[-1]))
    codes = ends(children)
    said = [[path.read_text() for path in paths] for paths in texts]
    shutil.rmtree(folder)
    print(json.dumps([[code, *words] for code, words in zip(codes, said, strict=True)]), flush=True)
