"""Commands in new processes: those that a launcher starts together, and those that get a signal."""

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
End = tuple[int, str, str]
"""Of a command: exit code, out, err."""


def started(*commands: Mapping[str, Any]) -> list[End]:
    """The ends of commands that are started together, with the words and so on of forked.py.

    Without a `folder` they work here; their `env` is on top of ours.
    """
    whole = [
        {"folder": str(Path.cwd()), "moments": "", "signal": "SIGINT"}
        | {**command, "env": os.environ | {key: str(value) for key, value in command.get("env", {}).items()}}
        for command in commands
    ]
    server = _server()
    assert server.stdin and server.stdout
    server.stdin.write(json.dumps(whole) + "\n")
    server.stdin.flush()
    return [(code, out, err) for code, out, err in json.loads(server.stdout.readline())]


def together(number: int, command: list[str], folders: list[str]) -> list[End]:
    """The ends of `number` processes of one command, started as a launcher does, by rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    of_all = {"WORLD_SIZE": number, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    of_all |= {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    return started(
        *(
            {
                "words": command,
                "folder": str(Path(folder).resolve()),
                "env": of_all | {"RANK": rank, "LOCAL_RANK": rank},
            }
            for rank, folder in zip(range(number), folders, strict=True)
        )
    )


@contextlib.contextmanager
def program(folder: Path) -> Iterator[Callable[..., list[End]]]:
    """In `folder`, `call((words, moments, signal), ...)`: the ends of `ndm` with these words, as in `started`."""

    def call(*commands: tuple[str, str, str]) -> list[End]:
        return started(
            *({"words": ["ndm", *words.split()], "moments": at, "signal": name} for words, at, name in commands)
        )

    with contextlib.chdir(folder):
        yield call


@functools.cache
def _server() -> subprocess.Popen[str]:
    """The process that all are forked from: it starts when it is first needed, and ends with this one."""
    paths = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    server = subprocess.Popen(
        [sys.executable, HERE / "forked.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    atexit.register(server.communicate)
    atexit.register(server.kill)
    return server
