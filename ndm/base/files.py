"""Atomic writing of files and folders, and reading of text with errors that name the file."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ndm.base.errors import InputError, refused, why

_WRITING = ".writing"
_LEFT = 3600.0  # seconds, after which a temporary file is one that a killed process left


def make_folder(path: Path) -> None:
    """Make a folder and its parents if they are absent; `InputError` where that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, "made", error, "a folder that can be written") from error


def require_new(folder: Path) -> None:
    """Raise `InputError` for a folder that exists and is not empty, or that could not be made."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}, which is there already", "a folder that is new or empty")
    _require_place(folder, "made")


def require_writable(path: Path) -> None:
    """Raise `InputError` where a file could not be written; called before the work that makes its content."""
    if path.is_dir():
        raise _refusal(path, "written", errno.EISDIR)
    _require_place(path, "written")


def _require_place(path: Path, done: str) -> None:
    """Raise `InputError` where nothing could be made under this name."""
    place = next(each for each in path.absolute().parents if each.exists())
    if not place.is_dir():
        raise _refusal(path, done, errno.ENOTDIR)
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        raise _refusal(path, done, errno.EROFS)
    if not os.access(place, os.W_OK | os.X_OK):
        raise _refusal(path, done, errno.EACCES)


def _refusal(path: Path, done: str, number: int) -> InputError:
    return refused(path, done, OSError(number, os.strerror(number)), "a writable place")


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to fill, which is renamed to `folder` afterwards: that is whole or absent.

    Raises `InputError` for a folder that exists and is not empty, or cannot be written.
    """
    require_new(folder)
    make_folder(folder.parent)
    try:
        temporary = folder.with_name(f".{folder.name[:40]}.{secrets.token_hex(4)}")
        temporary.mkdir()
        try:
            yield temporary
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, SafetensorError) as error:  # safetensors has its own error for a full disk
        raise refused(folder, "written", error, "a writable place with room") from error


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text; `ValueError` where it is not JSON, or nested too deep."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def read_text(path: Path, expected: str, advice: str = "") -> str:
    """Read the text of a file; raises `InputError` where it cannot be read or is not UTF-8.

    `expected` and `advice` are for a file that is missing or damaged.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise refused(path, "read", error, expected, advice) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, which cannot be read (not UTF-8 at byte {error.start})", expected, advice) from error


def read_json(path: Path, expected: str, advice: str = "") -> Any:
    """Read a file of JSON; raises `InputError` like `read_text`, and where it is not JSON."""
    text = read_text(path, expected, advice)
    try:
        return parse_json(text)
    except ValueError as error:
        raise InputError(f"{path}, which cannot be read ({why(error)})", expected, advice) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, sync, rename; `InputError` where the folder is missing or cannot be written.

    If several processes write the same file, the whole file of one of them stays.
    """
    temporary = _temporary(path)
    try:
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise refused(path, "written", error, "an existing, writable folder") from error


@contextlib.contextmanager
def permitted(path: Path) -> Iterator[None]:
    """Give a file that another library writes the permissions of every new file: those of safetensors are 0600."""
    path.touch()
    mode = path.stat().st_mode
    yield
    path.chmod(mode)


def is_temporary(path: Path) -> bool:
    """Whether a file is a temporary one: being written, or left by a killed process."""
    return path.name.startswith(".") and path.name.endswith(_WRITING)


def _temporary(path: Path) -> Path:
    """Make a temporary name beside `path` that no other process has; old files with such names are removed."""
    begin = f".{path.name[:40]}."
    with contextlib.suppress(OSError):
        for left in path.parent.glob(f"{glob.escape(begin)}*{_WRITING}"):
            if time.time() - left.stat().st_mtime > _LEFT:
                left.unlink(missing_ok=True)
    return path.with_name(f"{begin}{secrets.token_hex(4)}{_WRITING}")


def sha256(path: Path) -> str:
    """Compute the sha256 of a file, which need not fit in memory; raises `InputError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise refused(path, "read", error, "a file that is there") from error
