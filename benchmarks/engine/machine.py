"""What figures of speed and time were taken on."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

import ndm
from ndm.base.version import __version__

_SOURCES = (Path(ndm.__file__).parent, Path(__file__).parents[1])


def machine() -> dict[str, str | int | None]:
    """The processor, the number of its cores that are ours, the system, the versions and a digest of the code."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ndm": __version__,
        "code": _digest(),
    }


def machines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that the rows were made on, each once."""
    return list({json.dumps(row["machine"]): row["machine"] for row in rows}.values())


def made_on(rows: Sequence[dict[str, Any]]) -> str:
    """The machine, and the code; all of them where rows come from several, which are not to be compared blindly."""
    return "\n".join(
        f"Made on {m['cores']} cores of an {m['processor']}, Python {m['python']}, PyTorch {m['torch']}, "
        f"ndm {m['ndm']}, code {m['code']}."
        for m in machines(rows)
    )


@cache
def _digest() -> str:
    """Of all modules of the library and the studies on the disk: two figures of one digest have the same code."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
