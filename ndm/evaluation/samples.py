"""Samples of a run, and the files that they are written to."""

import inspect
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ndm.base.axes import GRIDS, SAMPLERS
from ndm.base.errors import InputError
from ndm.base.files import require_writable, write_atomically
from ndm.base.memory import require_memory
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.evaluation.conditions import Named, drawn, named_arrays
from ndm.evaluation.figures import by_class, check_picture, picture_of
from ndm.runs.run import Run

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
    cond: Tensor | None = None,
) -> np.ndarray:
    """Draw `num` samples (num, *event), by default with the run's sampler: uint8 for images, float32 for real values.

    `cond` is the condition of each, (num, ...), or None for none. Processes take batches in turn. The first has all
    samples afterwards, the others none of them, (0, *event).
    """
    with processes.agreed():
        check_seed(seed)
        kind = SAMPLERS.find(sampler) if sampler else SAMPLERS.find(run.config["sampler"], allow=run.allow)
        chosen = GRIDS.find(grid).for_model(run.model, run.event_shape)
        if eta is not None and "eta" not in inspect.signature(kind).parameters:
            raise InputError(
                f"--eta for the {sampler or run.config['sampler']} sampler",
                "a sampler with a volatility",
                "leave it out",
            )
        options = {} if eta is None else {"eta": eta}
        own = inspect.signature(kind).parameters["steps"].default
        steps = run.config["timesteps"] or own if steps is None else steps
        walk = kind(run.model, steps, grid=chosen, **options)
    walk.times = processes.by_first(walk.times.cpu)  # those of all to the last bit, where they are optimised as well

    def batch(k: int) -> np.ndarray:
        first = k * _BATCH
        shape = (min(_BATCH, num - first), *run.event_shape)
        own = None if cond is None else cond[first : first + _BATCH].to(run.device)
        return run.model.decoder.to_raw(walk(shape, own, seed=seed, first=first))

    none = np.empty((0, *run.event_shape), np.uint8 if run.is_image else np.float32)
    return np.concatenate([none, *processes.collect(batch, math.ceil(num / _BATCH), "sampling", f"{num} samples")])


@dataclass(frozen=True)
class Request:
    """The conditions of samples, in order: groups of equal ones that were named, or one group of others.

    cond     of each sample, (num, ...); None for none
    groups   how many samples there are of each group, and what their condition is, in words
    remark   where conditions come from that were not named
    """

    num: int
    cond: Tensor | None
    groups: tuple[tuple[int, str], ...]
    remark: str


def request(run: Run, num: int, named: Named, seed: int) -> Request:
    """`num` samples of each condition that is named, or `num` with conditions as the training data have them.

    Raises `InputError` for conditions that the model does not know.
    """
    told = named.of(run)
    if not told:
        cond, remark = drawn(run, num, seed)
        return Request(num, cond, ((num, ""),), remark)
    each = [one.each(num) for one in told]
    cond = None if each[0] is None else torch.cat([rows for rows in each if rows is not None])
    return Request(num * len(told), cond, tuple((num, one.words) for one in told), "")


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


def write(x: np.ndarray, out: Path, run: Run, asked: Request) -> None:
    """Samples as a picture, FILE.png, or as the array x of FILE.npz, with their conditions: `named_arrays`."""
    if out.suffix == ".png":
        ends = np.cumsum([number for number, _ in asked.groups])[:-1]
        parts = list(zip((words for _, words in asked.groups), np.split(x, ends), strict=True))
        several = len(parts) > 1
        write_atomically(out, by_class(parts, run.config["data"]) if several else picture_of(x, run.config["data"]))
    else:
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {"x": x} | named_arrays(run, asked.cond)
        np.savez_compressed(buffer, **arrays)
        write_atomically(out, buffer.getvalue())
