"""The work of one job of a sampling benchmark: what becomes its row."""

import contextlib
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor

from ndm.base.axes import GRIDS
from ndm.base.errors import InputError
from ndm.base.seeds import mix
from ndm.benchmarks.comparison.execute import load_once
from ndm.benchmarks.comparison.machine import machine
from ndm.benchmarks.comparison.quality import draw, energy_distance, scaled, training_points
from ndm.benchmarks.samples.distances import distances
from ndm.benchmarks.samples.jobs import Floor, Walk
from ndm.benchmarks.samples.ways import Evaluations, distinct_grids
from ndm.model import NeuralDiffusion
from ndm.samplers.sampler import Grid, Sampler

_VALIDATION = 1  # so that the noise of trials is not that of walks
_KEPT = 32  # models in memory: jobs go from one to the next


def trial(models: Path, walk: Walk) -> dict[str, Any]:
    """The energy distance of samples from validation by the grid's name, for those that the sampler can walk."""
    model, data, grids = _load(models / walk.model), load_once(walk.data), _grids(models / walk.model, walk.data)
    target = _held_out(walk)
    found = {}
    for name, grid in distinct_grids(grids, model.schedule, walk.evaluations or 1).items():
        sampler = walk.way.within(walk.evaluations or 1, model, grid)
        if sampler is not None:
            with contextlib.suppress(FloatingPointError):  # samples that are not finite
                points = draw(sampler, data, walk.number, mix(walk.seed, _VALIDATION))
                found[name] = energy_distance(points, target)
    return {"grids": found, "code": machine()["code"]}


def measure(models: Path, walk: Walk) -> dict[str, Any]:
    """Distances of samples, evaluations made and CPU time for each; `failed` says why there are none."""
    model, data = _load(models / walk.model), load_once(walk.data)
    if walk.tolerance is not None:
        sampler: Sampler | None = walk.way.to(walk.tolerance, model)
    else:
        grids = _grids(models / walk.model, walk.data)
        sampler = walk.way.within(walk.evaluations or 1, model, grids[walk.grid or "time"])
    assert sampler is not None  # or its trial had chosen no grid
    code = {"code": machine()["code"]}
    with Evaluations(model) as made:
        began = time.process_time()
        try:
            points = draw(sampler, data, walk.number, walk.seed)
        except (InputError, FloatingPointError) as error:  # an ODE that blows up, samples that are not finite
            return {"failed": str(error)} | code
        seconds = time.process_time() - began
    return (
        {
            "steps": sampler.steps,
            "evaluations_made": made.number / walk.number,
            "milliseconds_per_sample": 1e3 * seconds / walk.number,
        }
        | distances(points, _held_out(walk))
        | code
    )


def floor(job: Floor) -> dict[str, Any]:
    """Distances of training examples from held-out ones."""
    data = load_once(job.data)
    return distances(training_points(data, job.number, job.seed), _held_out(job)) | {"code": machine()["code"]}


def _held_out(job: Walk | Floor) -> Tensor:
    """At most as many examples as there are samples, as points of [-1, 1]."""
    data = load_once(job.data)
    return scaled(data.split(job.split).x[: job.number], data)


@lru_cache(maxsize=_KEPT)
def _grids(folder: Path, data: str) -> dict[str, Grid]:
    """Those for that model: one of them is dear, and remembers what it has computed."""
    return {name: kind.for_model(_load(folder), load_once(data).event_shape) for name, kind in GRIDS.every().items()}


@lru_cache(maxsize=_KEPT)
def _load(folder: Path) -> NeuralDiffusion:
    return NeuralDiffusion.from_pretrained(folder)
