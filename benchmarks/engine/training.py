"""A training within a budget of CPU time, its evaluation, and the row that they make."""

import math
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.engine.contenders import CONTENDERS, TRAINERS
from benchmarks.engine.machine import machine
from benchmarks.engine.plan import Job
from benchmarks.engine.quality import energy_distances
from ndm.base.registry import choose
from ndm.bounds.nelbo import nelbo
from ndm.bounds.time_samplers import Importance
from ndm.bounds.units import in_unit, unit
from ndm.config import Config
from ndm.data import DataSet, load
from ndm.recipes import recipe
from ndm.recipes.small_unet import RECIPE as SMALL_UNET
from ndm.training.monitors.statistics import variance_ratio
from ndm.training.trainer import Trainer

_EVALUATION_SEED = 0  # the same draws for all
_NEVER = 10**9
_MOST_STORED = 1000
FIGURES = (
    *("total", "prior", "diffusion", "reconstruction", "standard_error", "standard_error_of_draws", "ms_per_step"),
    *("training_seconds", "steps_trained", "parameters", "gamma_0", "gamma_1", "variance_ratio"),
)
"""What a row has unless its training diverged."""
HELD = {"fashion_mnist": replace(SMALL_UNET, batch_size=32), "fashion_mnist_16": SMALL_UNET}


def base(data: DataSet) -> Config:
    """What studies change: the recipe of the data, or one that is held here, so that kept rows can be compared."""
    return HELD.get(data.name) or recipe(None, data)


def configuration(job: Job) -> Config:
    """What the job trains: its contender's change of `base`, with the job's budget, rate and seed."""
    config = replace(base(load_once(job.data)), timesteps=job.timesteps)
    config = choose("contender", job.contender, CONTENDERS)(config)
    return budgeted(config, job.seconds, job.steps, job.seed, job.learning_rate)


def plain_configuration(job: Job) -> dict[str, Any]:
    """The same as plain data."""
    return asdict(configuration(job))


def budgeted(config: Config, seconds: float | None, steps: int | None, seed: int, rate: float = 1.0) -> Config:
    """The configuration with this budget, seed and factor on the learning rate; one thread, nothing logged or saved."""
    config = replace(config, max_seconds=seconds, max_steps=steps, seed=seed, threads=1)
    return replace(config, learning_rate=config.learning_rate * rate, log_every=_NEVER, save_every=_NEVER)


def execute(job: Job, models: Path | None = None) -> dict[str, Any]:
    """The row of a job; where training diverges, `failed` says why in place of the figures.

    The model is kept in the folder `models` under the job's name, if that is given.
    """
    data, config = load_once(job.data), configuration(job)

    def measure() -> dict[str, Any]:
        trainer = trained(config, data, TRAINERS.get(job.contender, Trainer))
        figures = _figures(job, trainer)
        if models is not None:
            trainer.ema.model.save_pretrained(models / job.name)
        return figures

    return {"unit": unit(data), "config": plain_configuration(job)} | attempt(measure)


def attempt(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `measure` returns, or `failed`, where a number is not finite; with the machine and all warnings."""
    row: dict[str, Any] = {"machine": machine()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            row |= measure()
        except FloatingPointError as error:
            row["failed"] = str(error).partition("; its batch is saved")[0]
        row["warnings"] = [str(warning.message) for warning in caught]
    return row


def trained(
    config: Config,
    data: DataSet,
    kind: Callable[..., Trainer] = Trainer,
    clock: Callable[[], float] = time.process_time,
) -> Trainer:
    """A trainer that has spent its budget, by default counted in CPU time."""
    config = replace(config, validate_every=0)  # its time would be the training's
    with tempfile.TemporaryDirectory() as folder:
        trainer = kind(config, data, Path(folder) / "run", clock=clock)
        if not trainer.fit():
            raise KeyboardInterrupt
    return trainer


def time_density(trainer: Trainer) -> Importance | None:
    """The density that its times were drawn from, where it has learned one: the bound has less noise with it."""
    return trainer.time_sampler if isinstance(trainer.time_sampler, Importance) else None


@torch.no_grad()
def _figures(job: Job, trainer: Trainer) -> dict[str, Any]:
    data, model, began = trainer.data, trainer.ema.model, time.process_time()
    held_out = data.split(job.split).x[: job.limit]
    ends = model.schedule.gamma(torch.tensor([0.0, 1.0]))
    figures = {
        **bound_of(trainer, job.split, job.limit, job.draws),
        **cost(model, trainer.step, trainer.seconds),
        "gamma_0": float(ends[0]),
        "gamma_1": float(ends[1]),
        "variance_ratio": variance_ratio(model, model.decoder.from_raw(held_out)),
    }
    if job.num_samples:
        figures["energy_distance"] = energy_distances(model, data, held_out, job.num_samples, job.seed, job.timesteps)
    return figures | {"evaluation_seconds": time.process_time() - began}


def bound_of(trainer: Trainer, split: str, limit: int, draws: int, together: int = 2048) -> dict[str, Any]:
    """The bound of the averaged weights on the first `limit` examples of a split, `together` latents in one pass.

    All are evaluated by the same draws. Raises `FloatingPointError` where it is not finite.
    """
    data, model = trainer.data, trainer.ema.model
    x = model.decoder.from_raw(data.split(split).x[:limit])
    estimate = nelbo(
        model,
        x,
        timesteps=trainer.config.timesteps,
        draws=draws,
        density=time_density(trainer),
        batch_size=together,
        generator=torch.Generator().manual_seed(_EVALUATION_SEED),
    )
    convert = partial(in_unit, kind=data)
    total, number = estimate.total.double(), len(x)
    if not torch.isfinite(total).all():
        raise FloatingPointError("the bound of held-out examples is not finite")
    return {
        "total": convert(total.mean()),
        "prior": convert(estimate.prior.mean()),
        "diffusion": convert(estimate.diffusion.mean()),
        "reconstruction": convert(estimate.reconstruction.mean()),
        "standard_error": convert(total.std() / math.sqrt(number)),
        "standard_error_of_draws": convert((estimate.standard_error**2).sum().sqrt() / number),
        "per_example": stored(total * convert(torch.ones(()))),
        "num_examples": number,
    }


def cost(model: nn.Module, steps: int, seconds: float) -> dict[str, Any]:
    """What a training took."""
    pace = {"steps_trained": steps, "training_seconds": seconds, "ms_per_step": 1e3 * seconds / max(steps, 1)}
    return pace | {"parameters": sum(p.numel() for p in model.parameters())}


def stored(values: torch.Tensor) -> list[float]:
    """The mean over each of at most 1000 groups of neighbours, for differences between contenders."""
    return [round(float(group.mean()), 4) for group in np.array_split(values.numpy(), min(len(values), _MOST_STORED))]


@lru_cache
def load_once(name: str) -> DataSet:
    """The data set of that name, read once by each process."""
    return load(name)
