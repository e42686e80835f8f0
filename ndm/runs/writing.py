"""Write what is whole or absent: folders with a checksum for each file; a disk that is full is a `SavingError`."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from safetensors import SafetensorError

from ndm.base.errors import InputError, SavingError, remedy, why
from ndm.base.files import read_json, sha256

_CHECKSUMS = "checksums.json"


@contextlib.contextmanager
def saving(what: str) -> Iterator[None]:
    """Turn errors of a disk or a folder that takes no more into `SavingError`, which names `what`."""
    try:
        yield
    except (OSError, SafetensorError, InputError) as error:  # safetensors has its own error for a full disk
        cause = error.__cause__ if isinstance(error, InputError) else error  # as of ndm.base.files
        if not isinstance(cause, Exception):
            raise
        raise SavingError(
            f"{what} cannot be written ({why(cause)}); what was saved before is whole: {remedy(cause)}, "
            "and the same command resumes"
        ) from error


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary folder, sync it and rename it; an existing folder is left as it is.

    Raises the errors of `write`, and `OSError` where the disk does not take it; half a folder is not kept.
    """
    if folder.exists():  # whole, as it was renamed into place
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in [*folder.parent.glob(".writing-*"), *folder.parent.glob(".removing-*")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    temporary = folder.with_name(f".writing-{folder.name}")
    try:
        temporary.mkdir()
        write(temporary)
        sums = {
            str(path.relative_to(temporary)): sha256(path) for path in sorted(temporary.rglob("*")) if path.is_file()
        }
        (temporary / _CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")
        for path in [*temporary.rglob("*"), temporary]:
            _sync(path)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)  # makes room, where there is none
        raise
    _sync(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder, so that it is whole or absent at any moment."""
    shutil.rmtree(folder.rename(folder.with_name(f".removing-{folder.name}")))


def verified(folder: Path, advice: str) -> Path:
    """Check that a folder is as it was written; raises `InputError` for a missing, altered or unknown file."""
    sums = checksums(folder, advice)
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise InputError(
                f"{path}, {'altered or truncated' if path.is_file() else 'missing'}", "the file that was saved", advice
            )
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if strange := there - {_CHECKSUMS} - set(sums):
        raise InputError(f"{folder / min(strange)}, which has no checksum", "the files that were saved", advice)
    return folder


def checksums(folder: Path, advice: str) -> dict[str, str]:
    """Read the sha256 of every file in a folder, by its path; raises `InputError` where they are missing."""
    sums: dict[str, str] = read_json(folder / _CHECKSUMS, "the checksums of a folder as it was saved", advice)
    if not isinstance(sums, dict) or not sums:
        raise InputError(f"{folder / _CHECKSUMS}, without checksums", "those of a folder as it was saved", advice)
    return sums


def steps(parent: Path) -> list[Path]:
    """List the folders of a parent that are named by a step, in order."""
    return sorted(path for path in parent.glob("[0-9]*") if path.name.isdigit() and path.is_dir())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
