"""Checkpoints: whole or absent, checked when read, the last two kept and the best by validation.

    RUN/checkpoints/00002000/model/   config.json, model.safetensors: averaged weights, what users share
    RUN/checkpoints/00002000/state/   weights, optimiser and t-sampler as safetensors, progress as JSON
    RUN/checkpoints/00002000/checksums.json
    RUN/model, RUN/state              links to those of the latest
    RUN/best                          link to the checkpoint of the best validation, where there was one
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from ndm.errors import InputError
from ndm.files import parse_json, sha256

_KEPT = 2
_CHECKSUMS = "checksums.json"


class SavingError(OSError):
    """A checkpoint that cannot be written, e.g. on a full disk: those before it are as they were."""


def save(run: Path, step: int, write: Callable[[Path], None]) -> Path:
    """Write the checkpoint of `step`: `write` fills a temporary folder, which is synced and then renamed.

    Raises `SavingError` where the disk does not take it; what was saved before is kept, and half a checkpoint is not.
    """
    temporary = run / "checkpoints" / f".writing-{step:08d}"
    try:
        return _save(run, step, temporary, write)
    except (OSError, SafetensorError) as error:  # safetensors has its own error for a full disk
        with contextlib.suppress(OSError):  # makes room, where there is none
            shutil.rmtree(temporary, ignore_errors=True)
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SavingError(f"the checkpoint of step {step} in {run} cannot be written ({why}); those before it are "
                          "whole: make room, and the same command resumes") from error


def _save(run: Path, step: int, temporary: Path, write: Callable[[Path], None]) -> Path:
    folder = run / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{step:08d}"
    if final.exists():  # whole, as it was renamed into place: a step has one state
        return final
    for unfinished in folder.glob(".writing-*"):
        shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink()
    temporary.mkdir()
    write(temporary)
    sums = {str(path.relative_to(temporary)): sha256(path)
            for path in sorted(temporary.rglob("*")) if path.is_file()}
    (temporary / _CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n")
    for path in [*temporary.rglob("*"), temporary]:
        _sync(path)
    temporary.rename(final)
    _sync(folder)
    for name in ("model", "state"):
        _link(run, name, Path("checkpoints") / final.name / name)
    best = (run / "best").resolve()
    for old in _all(run)[:-_KEPT]:
        if old.resolve() != best:
            shutil.rmtree(old)
    return final


def mark_best(run: Path, step: int) -> None:
    """Link RUN/best to the checkpoint of `step`, which is kept for as long as it is the best."""
    name = f"{step:08d}"
    if (run / "checkpoints" / name).is_dir() and (run / "best").resolve().name != name:
        _link(run, "best", Path("checkpoints") / name)


def best(run: Path) -> Path | None:
    """The checkpoint of the best validation, verified; None where there was no validation.

    Raises `InputError` as `latest`, and for a link that leads nowhere.
    """
    link = run / "best"
    if not link.is_symlink():
        return None
    found = [path for path in _all(run) if path.resolve() == link.resolve()]
    if not found:
        raise InputError(f"{link}, which leads to no checkpoint of its run", "a link to one of RUN/checkpoints",
                         "say --checkpoint latest")
    return _verified(found[0], "say --checkpoint latest")


def _link(run: Path, name: str, target: Path) -> None:
    link = run / f".{name}-link"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(run / name)


def latest(run: Path) -> Path | None:
    """The newest checkpoint of a run, its checksums verified; None where there is none.

    Raises `InputError` for a file that is missing, truncated or altered.
    """
    found = _all(run)
    if not found:
        return None
    return _verified(found[-1], f"restore it, or delete {found[-1]} to go back to the checkpoint before it")


def _verified(folder: Path, advice: str) -> Path:
    try:
        sums = parse_json((folder / _CHECKSUMS).read_text())
        if not isinstance(sums, dict) or not sums:
            raise ValueError("no checksums")
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} without readable {_CHECKSUMS}", "a whole checkpoint", advice) from error
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise InputError(f"{path}, {'altered or truncated' if path.is_file() else 'missing'}",
                             "the file that was saved", advice)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if strange := there - {_CHECKSUMS} - set(sums):
        raise InputError(f"{folder / min(strange)}, which has no checksum", "the files that were saved", advice)
    return folder


def _all(run: Path) -> list[Path]:
    return sorted(path for path in (run / "checkpoints").glob("[0-9]*") if path.name.isdigit() and path.is_dir())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
