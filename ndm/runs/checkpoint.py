"""Checkpoints: whole or absent, checked when read, the last two kept and the best by validation.

RUN/checkpoints/00002000/model/   config.json, model.safetensors: averaged weights, what users share
RUN/checkpoints/00002000/state/   weights, optimiser and t-sampler as safetensors, progress as JSON
RUN/checkpoints/00002000/checksums.json
RUN/model, RUN/state              links to those of the latest
RUN/best                          link to the checkpoint of the best validation, where there was one
"""

from collections.abc import Callable
from pathlib import Path

from ndm.base.errors import InputError
from ndm.runs.saving import saving
from ndm.runs.whole_folder import remove_folder, steps, verified, write_folder

_KEPT = 2


def of_step(run: Path, step: int) -> Path:
    """Where the checkpoint of a step is, if there is one."""
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
    """As `save`, but what the disk says is raised as it is."""
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
    """The checkpoint of the best validation, verified; None where there was no validation.

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


def latest(run: Path) -> Path | None:
    """The newest checkpoint of a run, its checksums verified; None where there is none.

    Raises `InputError` for a file that is missing, truncated or altered.
    """
    found = newest(run)
    return found and verified(found, f"restore it, or delete {found} to go back to the checkpoint before it")


def newest(run: Path) -> Path | None:
    """As `latest`, but as it is."""
    found = steps(run / "checkpoints")
    return found[-1] if found else None


def _link(run: Path, name: str, target: Path) -> None:
    link = run / f".{name}-link"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(run / name)
