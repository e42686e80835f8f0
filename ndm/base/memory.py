"""Free memory, and refusal of what would not fit, before the system ends the process."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

from ndm.base.errors import InputError

_GIB = 2**30
_UNLIMITED = 2**60  # what version 1 says where there is no limit is just below 2^63
# The files of a control group: its limit, what it uses, and the share of that which is cache the system can drop.
_FILES = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def require_memory(needed: float, what: str, advice: str, left: float | None = None) -> None:
    """Raise `InputError` where `what` takes more bytes than are `left`, those of the machine if not given."""
    left = available() if left is None else left
    if needed > left:
        raise InputError(
            f"{what}, which takes about {_gib(needed)} of memory", f"at most the {_gib(left)} that are free", advice
        )


def _gib(size: float) -> str:
    """Write a number of bytes in GiB, with three digits or all those before the point."""
    return f"{size / _GIB:,.0f} GiB" if size >= 100 * _GIB else f"{size / _GIB:.3g} GiB"


def available(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> float:
    """The bytes that this process can still take of the machine's and the container's memory; infinite if unknown.

    Processes that a launcher started on one machine have equal shares.
    """
    left = min([_of_machine(proc), *_of_groups(proc, groups)])
    return left / int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _of_machine(proc: Path) -> float:
    try:
        lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
        kib = {words[0]: int(words[1]) for words in lines if len(words) > 1}
        return (kib["MemAvailable:"] + kib.get("SwapFree:", 0)) * 2**10
    except (OSError, ValueError, KeyError):  # another system than Linux
        return math.inf


def _of_groups(proc: Path, groups: Path) -> Iterator[float]:
    """The bytes that the control groups of this process, and their parents, leave of their limits."""
    try:
        own = [line.split(":", 2) for line in (proc / "self" / "cgroup").read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in own:
        for name, (limit, used, cache) in _FILES.items():
            if name in controllers.split(","):
                root = groups / name
                folder = root / path.strip("/")
                for each in [folder, *folder.parents]:
                    if each.is_relative_to(root) and (found := _left(each, limit, used, cache)) is not None:
                        yield found


def _left(folder: Path, limit: str, used: str, cache: str) -> float | None:
    try:
        most = (folder / limit).read_text().strip()
        if most == "max" or int(most) >= _UNLIMITED:
            return None
        dropped = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(most) - int((folder / used).read_text()) + int(dropped.get(cache, 0))
    except (OSError, ValueError):
        return None
