"""The jobs of the study: what simple models and codecs take for a set, and a trial that is trained and evaluated."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.defaults.sets import RealSet, Result, build
from benchmarks.defaults.space import EMA, SPACE, drawn, given, network_of, searched
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Task
from benchmarks.engine.training import attempt, bound_of, cost, trained
from benchmarks.engine.workers import ProcessEnded, in_new_process
from ndm.base.errors import InputError
from ndm.bounds.units import unit
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.codecs import bits
from ndm.data.yardsticks import yardsticks
from ndm.recipes import Settled, facts_of
from ndm.training.defaults import planned

LIMIT = 1000  # examples of a split that are evaluated
_NEVER = 10**9
_TOGETHER = 256  # latents in one pass


@dataclass(frozen=True)
class SetJob(Task):
    """Find what codecs and simple models take for the first `limit` held-out examples of a set."""

    data: str
    limit: int = LIMIT

    @property
    def weight(self) -> float:
        """Seconds, about."""
        return 20.0


@dataclass(frozen=True)
class TrialJob(Task):
    """Train a trial on a set for `seconds` of wall time, at T = `timesteps`; None: in continuous time."""

    data: str
    kind: str
    trial: int
    seconds: float
    timesteps: int | None = None
    tested: bool = True
    """Whether it is evaluated on test too, and not on validation alone."""
    seed: int = 0
    draws: int = 4
    """Of (t, z_t) for each example."""
    limit: int = LIMIT

    @property
    def weight(self) -> float:
        """Seconds, about: a process starts, steps are measured and examples evaluated."""
        return self.seconds + (8.0 if network_of(self.kind) == "mlp" else 20.0)


def about(job: SetJob, sets: Mapping[str, RealSet], cache: Path) -> Row:
    """The row of a set: what it is, and by split what codecs take, in bits/dim; simple models on test in its unit."""
    data = build(sets[job.data], cache).load()
    splits = ("validation", "test") if data.is_image else ()
    return {
        "kind": sets[job.data].kind,
        "licence": sets[job.data].licence,
        "unit": unit(data),
        "event": "x".join(map(str, data.event_shape)),
        "sizes": [len(split) for split in (data.train, data.validation, data.test)],
        "codecs": {split: bits(np.asarray(data.split(split).x[: job.limit]))._asdict() for split in splits},
        "yardsticks": yardsticks(data, job.limit, "test").values,
        "machine": machine(),
    }


def settings(job: TrialJob) -> dict[str, Any]:
    """What was drawn for the trial of a job, as plain data; what a row was made with is compared with it."""
    return {"drawn": drawn(job.trial, network_of(job.kind))}


def execute(job: TrialJob, sets: Mapping[str, RealSet], cache: Path) -> Row:
    """The row of a trial, made in a new process; `failed` says why there are no figures, as that memory was full."""
    made = build(sets[job.data], cache)
    try:
        return in_new_process(measured, job, made)
    except ProcessEnded as error:
        return {"failed": str(error), **_begun(job), "machine": machine()}


def measured(job: TrialJob, made: Result) -> Row:
    """Train the trial, and evaluate it; in this process."""
    threads, data = torch.get_num_threads(), made.load()
    row = {"unit": unit(data), **_begun(job)}

    def measure() -> Row:
        began = time.monotonic()
        try:
            config = configuration(job, data)
            row["config"] |= asdict(config)
            trainer = trained(config, data, clock=time.monotonic)
        except (InputError, MemoryError) as error:  # a budget that is too short, a model that memory does not hold
            raise FloatingPointError(str(error) or "memory is full") from error
        finally:
            torch.set_num_threads(threads)
        row["settings"] = searched(asdict(config), trainer.step, network_of(job.kind), data.num_levels)
        row["settings"] |= {name: value for name, value in row["config"]["drawn"].items() if name == EMA}
        splits = ("validation", *(["test"] if job.tested else []))
        found = {split: bound_of(trainer, split, job.limit, job.draws, _TOGETHER) for split in splits}
        for figures in found.values():
            del figures["per_example"]
        whole = {"whole_seconds": time.monotonic() - began}
        return {**found, **cost(trainer.ema.model, trainer.step, trainer.seconds), **whole}

    return row | attempt(measure)


def _begun(job: TrialJob) -> Row:
    """What is known of a trial before it is trained: its settings are those that were drawn."""
    network = network_of(job.kind)
    known = {name: value for name, value in drawn(job.trial, network).items() if name in SPACE[network]}
    return {"config": settings(job), "settings": known}


def configuration(job: TrialJob, data: DataSet) -> Config:
    """What a job trains: the settings of its trial, and for the rest what `ndm train` chooses for such a budget."""
    found = drawn(job.trial, network_of(job.kind))
    if job.kind == "table":  # which the rules know by the names of columns, that the files of the sets do not have
        found["predictor_options.network"] = network_of(job.kind)
    about_run = {"max_seconds": job.seconds, "timesteps": job.timesteps, "seed": job.seed}
    with tempfile.TemporaryDirectory() as folder:
        plan = planned(Settled(given(found, facts_of(data), job.timesteps) | about_run), data, Path(folder) / "new")
    assert plan.choice is not None  # nothing is a recipe's
    config = replace(plan.config, log_every=_NEVER, save_every=_NEVER)
    if EMA in found:
        config = replace(config, ema_decay=max(0.0, 1 - 1 / (found[EMA] * plan.choice.steps)))
    return config
