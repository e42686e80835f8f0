"""Several processes of one machine, as a launcher starts them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

HELPERS = str(Path(__file__).parent)


def together(number: int, command: list[str], folders: list[str]) -> list[tuple[int, str, str]]:
    """The ends of `number` processes, started as a launcher does: (exit code, out, err), by rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank, folder in zip(range(number), folders, strict=True):
        about = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": number,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "OMP_NUM_THREADS": 1,
            "PYTHONPATH": os.pathsep.join([HELPERS, os.environ.get("PYTHONPATH", "")]),
        }
        processes.append(
            subprocess.Popen(
                [sys.executable, *command],
                cwd=folder,
                env=os.environ | {key: str(value) for key, value in about.items()},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        said = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *words) for process, words in zip(processes, said, strict=True)]
