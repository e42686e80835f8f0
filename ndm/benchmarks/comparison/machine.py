"""What figures of speed and time were taken on."""

import os
import platform
from pathlib import Path

import torch

from ndm.version import __version__


def machine() -> dict[str, str | int | None]:
    """The processor, the number of its cores that are ours, the system and the versions."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(), "torch": torch.__version__, "ndm": __version__}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
