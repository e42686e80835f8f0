"""The place of this process among those that torchrun or accelerate launch started, and how it reports failure."""

import contextlib
import json
import os
import time
from pathlib import Path

_LEFT_BY_LAUNCHERS = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}
_PATIENCE = 10.0  # seconds, for the first process to meet the same error


def number() -> int:
    """The number of processes that were started together; 1 without a launcher."""
    return int(os.environ["WORLD_SIZE"]) if _launched() else 1


def rank() -> int:
    """The number of this process among them, from 0: the first prints and writes."""
    return int(os.environ["RANK"]) if _launched() else 0


def report(message: str) -> None:
    """Write the reason of a failure where torchrun looks for it: its report then ends with that reason."""
    if path := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        about = {"message": message, "extraInfo": {"timestamp": str(int(time.time()))}}
        with contextlib.suppress(OSError):
            Path(path).write_text(json.dumps({"message": about}), encoding="utf-8")


def speaks() -> bool:
    """Whether this process prints why it ends with an error: the first does.

    torchrun ends all processes as soon as one fails: another process waits for that, so that the first can print, and
    prints itself where the first goes on. Without torchrun it is silent.
    """
    if rank() == 0:
        return True
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return False
    time.sleep(_PATIENCE)
    return True


def _launched() -> bool:
    return os.environ.keys() >= _LEFT_BY_LAUNCHERS
