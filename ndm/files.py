"""Files that are whole or absent."""

import os
from pathlib import Path

from ndm.errors import InputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, sync, rename; `InputError` where the folder is missing or cannot be written."""
    temporary = path.with_name(f".{path.name}.writing")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        why = f"{path}, which cannot be written ({error.strerror})"
        raise InputError(why, "an existing, writable folder") from error
