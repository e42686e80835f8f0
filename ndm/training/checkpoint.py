"""Checkpoints: whole or absent, checked when read, the last two kept.

    RUN/checkpoints/00002000/model/   config.json, model.safetensors: averaged weights, what users share
    RUN/checkpoints/00002000/state/   weights, optimiser and t-sampler as safetensors, progress as JSON
    RUN/checkpoints/00002000/checksums.json
    RUN/model, RUN/state              links to those of the latest
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ndm.errors import InputError
from ndm.files import parse_json

_KEPT = 2
_CHECKSUMS = "checksums.json"


def save(run: Path, step: int, write: Callable[[Path], None]) -> Path:
    """Write the checkpoint of `step`: `write` fills a temporary folder, which is synced and then renamed."""
    folder = run / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    temporary, final = folder / f".writing-{step:08d}", folder / f"{step:08d}"
    if final.exists():  # whole, as it was renamed into place: a step has one state
        return final
    for unfinished in folder.glob(".writing-*"):
        shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink()
    temporary.mkdir()
    write(temporary)
    sums = {str(path.relative_to(temporary)): _checksum(path)
            for path in sorted(temporary.rglob("*")) if path.is_file()}
    (temporary / _CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n")
    for path in [*temporary.rglob("*"), temporary]:
        _sync(path)
    temporary.rename(final)
    _sync(folder)
    for name in ("model", "state"):
        link = run / f".{name}-link"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("checkpoints") / final.name / name)
        link.replace(run / name)
    for old in _all(run)[:-_KEPT]:
        shutil.rmtree(old)
    return final


def latest(run: Path) -> Path | None:
    """The newest checkpoint of a run, its checksums verified; None where there is none.

    Raises `InputError` for a file that is missing, truncated or altered.
    """
    found = _all(run)
    if not found:
        return None
    newest = found[-1]
    advice = f"restore it, or delete {newest} to go back to the checkpoint before it"
    try:
        sums = parse_json((newest / _CHECKSUMS).read_text())
        if not isinstance(sums, dict) or not sums:
            raise ValueError("no checksums")
    except (OSError, ValueError) as error:
        raise InputError(f"{newest} without readable {_CHECKSUMS}", "a whole checkpoint", advice) from error
    for name, expected in sums.items():
        path = newest / name
        if not path.is_file() or _checksum(path) != expected:
            raise InputError(f"{path}, {'altered or truncated' if path.is_file() else 'missing'}",
                             "the file that was saved", advice)
    return newest


def _all(run: Path) -> list[Path]:
    return sorted(path for path in (run / "checkpoints").glob("[0-9]*") if path.name.isdigit() and path.is_dir())


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
