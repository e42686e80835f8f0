"""Samples of a run, and the files that they are written to."""

import inspect
import io
import math
from pathlib import Path

import numpy as np

from ndm.base.axes import GRIDS
from ndm.base.errors import InputError
from ndm.base.files import require_writable, write_atomically
from ndm.base.memory import require_memory
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.evaluation.figures import check_picture, picture_of
from ndm.runs.run import Run
from ndm.samplers import sampler_for

_BATCH = 256
_COPIES = 3  # of all samples: in batches, together, and as they are written
_MOST = 10_000_000


def draw(
    run: Run,
    num: int,
    processes: Processes,
    sampler: str | None = None,
    steps: int | None = None,
    eta: float | None = None,
    grid: str = "time",
    seed: int = 0,
) -> np.ndarray:
    """`num` samples (num, *event), by default by the run's sampler: uint8 levels of images, float32 of real values.

    Processes take batches in turn. The first has all samples afterwards, the others none of them, (0, *event).
    """
    with processes.agreed():
        check_seed(seed)
        sampler = sampler or run.config["sampler"]
        kind = sampler_for(sampler)
        chosen = GRIDS.find(grid).for_model(run.model, run.event_shape)
        if eta is not None and "eta" not in inspect.signature(kind).parameters:
            raise InputError(f"--eta for the {sampler} sampler", "a sampler with a volatility", "leave it out")
        options = {} if eta is None else {"eta": eta}
        own = inspect.signature(kind).parameters["steps"].default
        steps = run.config["timesteps"] or own if steps is None else steps
        walk = kind(run.model, steps, grid=chosen, **options)
    walk.times = processes.by_first(walk.times.cpu)  # those of all to the last bit, where they are optimised as well

    def batch(k: int) -> np.ndarray:
        shape = (min(_BATCH, num - k * _BATCH), *run.event_shape)
        return run.model.decoder.to_raw(walk(shape, seed=seed, first=k * _BATCH))

    none = np.empty((0, *run.event_shape), np.uint8 if run.is_image else np.float32)
    return np.concatenate([none, *processes.collect(batch, math.ceil(num / _BATCH), "sampling", f"{num} samples")])


def check_out(out: Path, num: int) -> None:
    """Raise `InputError` for a file that cannot be written, or too many samples for one, before anything is drawn."""
    if out.suffix not in (".npz", ".png"):
        raise InputError(f"--out {out}", "a file that ends in .npz or .png")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}", "a file in a folder that exists", f"make {out.parent} first")
    require_writable(out)
    if not 1 <= num <= _MOST:
        raise InputError(f"{num} samples", f"1 to {_MOST}", "draw more with other seeds")


def check_room(out: Path, run: Run, num: int) -> None:
    """Raise `InputError` for samples that cannot be pictured, or that memory does not hold."""
    if out.suffix == ".png":
        check_picture(run.event_shape, run.config["data"]["num_levels"])
    needed = _COPIES * 4 * num * math.prod(run.event_shape)
    require_memory(needed, f"--num {num}", "draw fewer at a time, with other seeds")


def write(x: np.ndarray, out: Path, run: Run) -> None:
    """Samples as a picture, FILE.png, or as the array x of FILE.npz."""
    if out.suffix == ".png":
        write_atomically(out, picture_of(x, run.config["data"]))
    else:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, x=x)
        write_atomically(out, buffer.getvalue())
