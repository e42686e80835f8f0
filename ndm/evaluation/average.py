"""Averages of a run's weights over other lengths than those of training: the best of several, as a folder."""

import copy
import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.files import new_folder, require_new
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.bounds.units import in_unit, unit
from ndm.evaluation.estimates import BoundEstimator
from ndm.runs import checkpoint
from ndm.runs.checkpoint import OF_READERS
from ndm.runs.folder import AVERAGE
from ndm.runs.run import Run, open_run
from ndm.training.averages.power import averaged, exponent, snapshots


def average(
    folder: Path,
    destination: Path,
    processes: Processes,
    lengths: Sequence[float] = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2),
    at: int | None = None,
    draws: int = 16,
    limit: int | None = 1024,
    seed: int = 0,
    allow: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the average of the run in `folder` whose bound on the validation split is least, and say what was found.

    `destination` is then a folder like that of a run, with average.json: what is returned.

    Args:
        lengths: relative lengths: the standard deviation of the steps in an average as a share of all steps until then.
        at: the step up to which to average, one of RUN/averages; the last if not given.
        draws: of (t, z_t) for each example, the same for all lengths.
        limit: examples of the validation split, at most.
        allow: as in `open_run`.

    Raises:
        InputError: for a run that kept no averages, and for lengths and steps that cannot be had.
        FloatingPointError: where the bound is finite for none of the averages.
    """
    with processes.agreed():
        check_seed(seed)
        if limit is not None and limit < 1:
            raise InputError(f"limit = {limit}", "at least 1")
        if not lengths:
            raise InputError("no lengths", "one, or several to choose from")
        for length in lengths:
            exponent(length)
        require_new(destination)
        run, found = _opened(folder, at, allow)
        averages = averaged(found, run.config["average_lengths"], list(lengths), run.model)
    candidates = [_with(run, state) for state, _ in averages]
    step, chosen, validation = int(found[-1].name), 0, None
    if len(candidates) > 1:
        trained = [run] if run.progress["step"] == step else []  # with the average of training
        with processes.agreed():
            x, cond = run.examples(run.data(), "validation", limit)
        bound = BoundEstimator(run.config["timesteps"], draws, seed)
        nats = [bound.estimate(candidate, x, cond, processes).total for candidate in candidates + trained]
        chosen = _least(nats[: len(candidates)])
        validation = _compare(nats, nats[chosen], run)
    about = {
        "run": str(folder),
        "step": step,
        "length": lengths[chosen],
        "kept_lengths": run.config["average_lengths"],
        "snapshots": len(found),
        "lengths": [
            {"length": length, "error_of_profile": error} for length, (_, error) in zip(lengths, averages, strict=True)
        ],
        "validation": validation,
    }
    processes.by_first(lambda: _write(destination, candidates[chosen], found[-1], about))
    return about


def _opened(folder: Path, at: int | None, allow: Sequence[str]) -> tuple[Run, list[Path]]:
    """The run, and its snapshots up to the step that is asked for."""
    run, found = open_run(folder, allow=allow), snapshots(folder)
    if not run.config["average_lengths"] or not found:
        raise InputError(
            f"{folder}, which kept no averages",
            "a run that was trained with them",
            "train one with --average-lengths 0.05 0.1",
        )
    ends = [int(snapshot.name) for snapshot in found]
    if at is None:
        return run, found
    if at not in ends:
        raise InputError(f"--at {at}", f"one of {', '.join(map(str, ends))}")
    return run, found[: ends.index(at) + 1]


def _write(destination: Path, average: Run, snapshot: Path, about: dict[str, Any]) -> None:
    """A folder like that of a run whose only checkpoint is the average; it has no state to train on from."""

    def fill(folder: Path) -> None:
        average.model.save_pretrained(folder / "model")
        (folder / "state").mkdir()
        for name in OF_READERS:
            shutil.copyfile(snapshot / name, folder / "state" / name)

    with new_folder(destination) as folder:
        shutil.copyfile(average.folder / "config.yaml", folder / "config.yaml")
        (folder / AVERAGE).write_text(json.dumps(about, indent=2, allow_nan=False) + "\n")
        checkpoint.place(folder, about["step"], fill)


def _with(run: Run, state: dict[str, Tensor]) -> Run:
    """Make a run with other weights."""
    model = copy.deepcopy(run.model)
    model.load_state_dict(state)
    return dataclasses.replace(run, model=model)


def _least(nats: list[Tensor]) -> int:
    """Find the least mean; raises `FloatingPointError` where none is finite."""
    means = [float(each.mean()) for each in nats]
    finite = [k for k, mean in enumerate(means) if math.isfinite(mean)]
    if not finite:
        raise FloatingPointError("the bound of validation is not finite for any of the averages")
    return min(finite, key=means.__getitem__)


def _compare(nats: list[Tensor], chosen: Tensor, run: Run) -> dict[str, Any]:
    """Compute means over examples in the run's unit, and their excess over `chosen`, with standard errors."""

    def mean(values: Tensor) -> list[float] | None:
        if not values.isfinite().all():
            return None
        error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else 0.0
        return [in_unit(float(values.mean()), run), in_unit(error, run)]

    return {
        "unit": unit(run),
        "num_examples": len(chosen),
        "bounds": [mean(each) for each in nats],
        "above_chosen": [mean(each - chosen) for each in nats],
    }
