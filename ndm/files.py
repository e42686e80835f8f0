"""Files that are whole or absent, and text that is JSON or refused."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ndm.errors import InputError


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, if it is not there; `InputError` where that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}, which cannot be made ({error.strerror})", "a folder that can be written") from error


def require_new(folder: Path) -> None:
    """Raise `InputError` for a folder that is there and not empty."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}, which is there already", "a folder that is new or empty")


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill the temporary folder that is given: it is renamed afterwards, so that `folder` is whole or absent.

    Raises `InputError` for a folder that is there and not empty, or cannot be written.
    """
    require_new(folder)
    make_folder(folder.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            yield temporary
            temporary.chmod(0o755)  # mkdtemp's is for its owner alone
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, SafetensorError) as error:  # safetensors has its own error for a full disk
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{folder}, which cannot be written ({why})", "a writable place with room") from error


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; `ValueError` for one that is none, or is nested deeper than can be followed."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


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
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        why = f"{path}, which cannot be written ({error.strerror})"
        raise InputError(why, "an existing, writable folder") from error


def sha256(path: Path) -> str:
    """Of the file, which need not fit in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
