"""Checkpoints: whole or absent, checked when read, the last two kept and the best by validation.

RUN/checkpoints/00002000/model/   config.json, model.safetensors: averaged weights, what users publish
RUN/checkpoints/00002000/state/   weights, optimiser and t-sampler as safetensors, progress as JSON
RUN/checkpoints/00002000/checksums.json
RUN/model, RUN/state              links to those of the latest
RUN/best                          link to the checkpoint of the best validation, where there was one

The state is written by training; readers of a run need two of its files, progress.json and time_sampler.safetensors.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from ndm.base.errors import InputError, refused
from ndm.base.files import parse_json
from ndm.base.pretrained import WEIGHTS
from ndm.bounds.time_samplers import Importance
from ndm.runs.writing import checksums, remove_folder, saving, steps, verified, write_folder

_KEPT = 2
TIMES, PROGRESS = "time_sampler.safetensors", "progress.json"
OF_READERS = (TIMES, PROGRESS)  # what those who do not train on need of the state


def of_step(run: Path, step: int) -> Path:
    """The folder of the checkpoint of a step, if there is one."""
    return run / "checkpoints" / f"{step:08d}"


def saved_step(run: Path) -> int:
    """The step of the newest checkpoint; 0 where there is none."""
    return max((int(path.name) for path in steps(run / "checkpoints")), default=0)


def save(run: Path, step: int, write: Callable[[Path], None]) -> Path:
    """Write the checkpoint of `step`, whose files `write` puts into the folder that it is given; a step has one state.

    Raises `SavingError` where the disk does not take it; what was saved before is kept, and half a checkpoint is not.
    """
    with saving(f"the checkpoint of step {step} in {run}"):
        return place(run, step, write)


def place(run: Path, step: int, write: Callable[[Path], None]) -> Path:
    """Write a checkpoint like `save`, but raise errors of the disk as they are."""
    final = of_step(run, step)
    write_folder(final, write)
    for name in ("model", "state"):
        _link(run, name, Path("checkpoints") / final.name / name)
    best = (run / "best").resolve()
    for old in steps(final.parent)[:-_KEPT]:
        if old.resolve() != best:
            remove_folder(old)
    return final


def mark_best(run: Path, step: int) -> None:
    """Link RUN/best to the checkpoint of `step`, which is kept for as long as it is the best. Raises `SavingError`."""
    found = of_step(run, step)
    if found.is_dir() and (run / "best").resolve().name != found.name:
        with saving(str(run / "best")):
            _link(run, "best", found.relative_to(run))


def best(run: Path) -> Path | None:
    """Find the checkpoint of the best validation, verified; None where there was no validation.

    Raises `InputError` as `latest`, and for a link that leads nowhere.
    """
    link = run / "best"
    if not link.is_symlink():
        return None
    found = [path for path in steps(run / "checkpoints") if path.resolve() == link.resolve()]
    if not found:
        raise InputError(
            f"{link}, which leads to no checkpoint of its run",
            "a link to one of RUN/checkpoints",
            "say --checkpoint latest",
        )
    return verified(found[0], "say --checkpoint latest")


def weights_digest(found: Path) -> str:
    """The sha256 of the averaged weights of a checkpoint that was verified."""
    return checksums(found, "restore it")[f"model/{WEIGHTS}"]


def latest(run: Path) -> Path | None:
    """Find the newest checkpoint of a run, with verified checksums; None where there is none.

    Raises `InputError` for a file that is missing, truncated or altered.
    """
    found = newest(run)
    return found and verified(found, f"restore it, or delete {found} to go back to the checkpoint before it")


def newest(run: Path) -> Path | None:
    """Find the newest checkpoint of a run without verifying it."""
    found = steps(run / "checkpoints")
    return found[-1] if found else None


def _link(run: Path, name: str, target: Path) -> None:
    link = run / f".{name}-link"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(run / name)


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turn errors of files that are missing or not what was written into `InputError`."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, SafetensorError) as error:
        raise refused(
            folder,
            "read",
            error,
            "the state of training as it was saved",
            f"restore it, or delete {folder.parent} to go back to the checkpoint before it",
        ) from error


def read_times(folder: Path) -> Importance | None:
    """Read the density of t that training learned; None if it sampled t uniformly. `InputError` as `readable`."""
    with readable(folder):
        state = load_file(folder / TIMES)
        if "moments.value" not in state:
            return None
        time_sampler = Importance(len(state["moments.value"]))
        time_sampler.load_state_dict(state)
        return time_sampler


def read_progress(folder: Path) -> dict[str, Any]:
    """Read the progress of training, and its configuration as YAML text. `InputError` as `readable`."""
    with readable(folder):
        progress: dict[str, Any] = parse_json((folder / PROGRESS).read_text(encoding="utf-8"))
        if not isinstance(progress, dict):
            raise ValueError(f"{PROGRESS} is {progress!r}")
        for name, kind in {"step": int, "seconds": int | float, "examples": int, "configuration": str}.items():
            if not isinstance(progress.get(name), kind):
                raise ValueError(f"{name} in {PROGRESS} is {progress.get(name)!r}")
    return progress
