"""What figures of speed and time were taken on."""

import hashlib
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


@cache
def machine() -> dict[str, str | int | None]:
    """The processor, the number of its cores that are ours, the system, the versions and a digest of the code.

    The digest is of all modules of the library and the studies on the disk: figures of one digest have the same code.
    """
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ndm": __version__,
        "code": digest.hexdigest()[:12],
    }


def made_on(rows: Sequence[dict[str, Any]]) -> str:
    """The machine, and the code; all of them where rows come from several, which are not to be compared blindly."""
    lines = (
        f"Made on {m['cores']} cores of an {m['processor']}, Python {m['python']}, PyTorch {m['torch']}, "
        f"ndm {m['ndm']}, code {m['code']}."
        for m in (row["machine"] for row in rows)
    )
    return "\n".join(dict.fromkeys(lines))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
