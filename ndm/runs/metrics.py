"""Reader of metrics.jsonl, of which a crash or another program may have damaged some lines."""

import math
import warnings
from pathlib import Path
from typing import Any

from ndm.base.errors import refused
from ndm.base.files import parse_json

_ZEROS = b"\0 \r\t"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of metrics.jsonl, [] without such a file; lines that cannot be read are left out with a warning.

    Raises `InputError` where the file cannot be read at all.
    """
    texts = bytes_of(path).splitlines()
    warn_of_damage(path, texts, "it is left out")
    return [line for text in texts if (line := line_of(text))]


def bytes_of(path: Path) -> bytes:
    """Read the file; nothing without one. Raises `InputError` where it cannot be read."""
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise refused(path, "read", error, "the file that ndm train wrote", "move it away") from error


def warn_of_damage(path: Path, lines: list[bytes], what: str) -> None:
    """Warn how many of the lines cannot be read, and which is the first."""
    odd = [number for number, text in enumerate(lines, 1) if text.strip(_ZEROS) and not line_of(text)]
    if odd:
        warnings.warn(
            f"{path}, line {odd[0]}" + f" and {len(odd) - 1} more" * (len(odd) > 1) + f", cannot be read: {what}",
            stacklevel=3,
        )


def line_of(text: bytes) -> dict[str, Any] | None:
    """Parse a line; None for one that a crash or another program has damaged."""
    try:
        line = parse_json(text.strip(_ZEROS).decode())  # a power cut may leave zeros where a line was to be
        is_whole = (
            isinstance(line, dict)
            and isinstance(line["step"], int)
            and isinstance(line["unit"], str)
            and math.isfinite(line["total"])
            and math.isfinite(line["seconds"])
        )
        return line if is_whole else None
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
