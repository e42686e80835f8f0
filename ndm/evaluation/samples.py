"""Samples of a run."""

import inspect
import math

import numpy as np
from torch import Tensor

from ndm.base.axes import GRIDS, SAMPLERS
from ndm.base.errors import InputError
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.runs.run import Run

_BATCH = 256


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
