"""Which of the processes that torchrun or accelerate launch started together this is, and how it tells them its end."""

import contextlib
import json
import os
import time
from pathlib import Path

_LEFT_BY_LAUNCHERS = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}
_PATIENCE = 10.0  # seconds, for the first process to meet the same error


def number() -> int:
    """How many processes were started together; 1 without a launcher."""
    return int(os.environ["WORLD_SIZE"]) if _launched() else 1


def rank() -> int:
    """Which of them this is, counted from 0: the first speaks and writes."""
    return int(os.environ["RANK"]) if _launched() else 0


def report(message: str) -> None:
    """Leave the reason of a failure where torchrun looks for it: its own report then ends with it."""
    if path := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        about = {"message": message, "extraInfo": {"timestamp": str(int(time.time()))}}
        with contextlib.suppress(OSError):
            Path(path).write_text(json.dumps({"message": about}), encoding="utf-8")


def speaks() -> bool:
    """Whether this process says why it ends with an error: the first does.

    torchrun ends all processes as soon as one fails: another waits for that, so that the first can speak, and speaks
    itself where the first goes on. Without torchrun it is silent.
    """
    if rank() == 0:
        return True
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return False
    time.sleep(_PATIENCE)
    return True


def _launched() -> bool:
    return os.environ.keys() >= _LEFT_BY_LAUNCHERS
