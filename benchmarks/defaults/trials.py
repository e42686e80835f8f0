"""The jobs of the study: what simple models and codecs take for a set, and a trial that is trained and evaluated."""

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.defaults.space import EMA, SPACE, changes_of, given, nested, network_of, searched, size_of
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Task
from benchmarks.engine.training import attempt, bound_of, cost, trained
from benchmarks.engine.workers import ProcessEnded, in_new_process
from benchmarks.sets.real_set import RealSet, Result, build
from ndm.base.errors import InputError
from ndm.bounds.units import unit
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.codecs import bits
from ndm.data.yardsticks import yardsticks
from ndm.recipes import Choice, Settled, facts_of
from ndm.training.defaults import planned
from ndm.training.pace import measure, same_pace

LIMIT = 500  # examples of a split that are evaluated
_NEVER = 10**9
_TOGETHER = 256  # latents in one pass
_TURNS = 3  # of steps of the rules and of a trial
_WAYS = ("precision", "threads")  # in which the rules found their steps fastest
_GROUPS = 100  # of neighbouring examples, whose mean bounds are kept: what paired differences are made from


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
class Pace:
    """The pace of this machine: what the rules chose for `seconds`, a network of that `size`, made so many `steps`."""

    seconds: float
    steps: int
    size: int


@dataclass(frozen=True)
class TrialJob(Task):
    """Train a trial on a set for `seconds`, at T = `timesteps`; None: in continuous time."""

    data: str
    kind: str
    trial: str
    """The name of what it changes of what the rules choose; `rules` for nothing."""
    seconds: float
    timesteps: int | None = None
    pace: Pace | None = None
    """By which the trial makes as many steps as `seconds` hold, by its step and that of the pace timed in turns: so a
    machine that is slower an hour later, or busy, changes nothing. None: as many as fit into `seconds` on the clock."""
    tested: bool = True
    """Whether it is evaluated on test too, and not on validation alone."""
    seed: int = 0
    draws: int = 4
    """Of (t, z_t) for each example."""
    limit: int = LIMIT

    @property
    def weight(self) -> float:
        """Seconds, about: a process starts, steps are measured and examples evaluated."""
        return self.seconds + (8.0 if network_of(self.kind) == "mlp" else 12.0)


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


def execute(job: TrialJob, sets: Mapping[str, RealSet], cache: Path) -> Row:
    """The row of a trial, made in a new process; `failed` says why there are no figures, as that memory was full."""
    made = build(sets[job.data], cache)
    try:
        return in_new_process(measured, job, made)
    except ProcessEnded as error:
        return {"failed": str(error), "settings": _changes(job), "machine": machine()}


def measured(job: TrialJob, made: Result) -> Row:
    """Train the trial, and evaluate it; in this process."""
    threads, data = torch.get_num_threads(), made.load()
    row: Row = {
        "unit": unit(data),
        "levels": data.num_levels,
        "examples": len(data.train),
        "dimensions": math.prod(data.event_shape),
        "settings": _changes(job),
    }

    def measure() -> Row:
        began = time.monotonic()
        try:
            config, steps = configuration(job, data)
            row["config"] = asdict(config)
            averaged = {name: value for name, value in _changes(job).items() if name == EMA}
            row["settings"] = searched(row["config"], steps, network_of(job.kind), data.num_levels) | averaged
            trainer = trained(config, data, clock=time.monotonic)
        except (InputError, MemoryError) as error:  # a budget that is too short, a model that memory does not hold
            raise FloatingPointError(str(error) or "memory is full") from error
        finally:
            torch.set_num_threads(threads)
        splits = ("validation", *(["test"] if job.tested else []))
        found = {split: bound_of(trainer, split, job.limit, job.draws, _TOGETHER) for split in splits}
        for figures in found.values():
            own = figures.pop("per_example")
            groups = np.array_split(np.array(own), min(len(own), _GROUPS))
            figures["groups"] = [round(float(group.mean()), 5) for group in groups]
        whole = {"whole_seconds": time.monotonic() - began}
        return {**found, **cost(trainer.ema.model, trainer.step, trainer.seconds), **whole}

    return row | attempt(measure)


def _changes(job: TrialJob) -> dict[str, Any]:
    return changes_of(job.trial, network_of(job.kind))


def configuration(job: TrialJob, data: DataSet) -> tuple[Config, int]:
    """What a job trains, and the steps that are expected of it.

    It has what the rules choose for these data and this budget, with the changes of its trial: all other settings of
    the search space are held, though with a smaller batch the rules would choose a larger network. Warm-up, dropout,
    the average and the calendar are what they choose for the number of steps that this makes.
    """
    network, facts, changes, pace = network_of(job.kind), facts_of(data), _changes(job), job.pace

    def plan(values: Mapping[str, Any], timesteps: int | None, **budget: Any) -> tuple[Config, Choice]:
        # The rules know a table by the names of its columns, which the files of the sets do not have.
        given = {"predictor_options.network": network, **values}
        about_run = {"timesteps": timesteps, "seed": job.seed} | budget
        with tempfile.TemporaryDirectory() as folder:
            made = planned(Settled(nested(given) | about_run), data, Path(folder) / "new")
        assert made.choice is not None  # nothing is a recipe's
        return made.config, made.choice

    size = {} if pace is None else {size_of(network): pace.size}
    is_as_long = pace is not None and pace.seconds == job.seconds
    config, choice = plan(size if is_as_long else {}, job.timesteps, max_seconds=job.seconds)
    held = {name: choice.values[name] for name in (*SPACE[network], *_WAYS) if name in choice.values}
    values = (size if is_as_long else {}) | held | given(changes, facts, job.timesteps)
    if pace is not None:
        whole = pace.steps * job.seconds / pace.seconds
        before, _ = plan(size, None, max_seconds=pace.seconds)
        after, _ = plan(values, job.timesteps, max_steps=max(1, round(whole)))
        steps = max(1, round(whole / cost_ratio(before, after, data)))
        config, choice = plan(values, job.timesteps, max_steps=steps)
    elif changes:
        config, choice = plan(values, job.timesteps, max_seconds=job.seconds)
    config = replace(config, log_every=_NEVER, save_every=_NEVER)
    if EMA in changes:
        config = replace(config, ema_decay=max(0.0, 1 - 1 / (changes[EMA] * choice.steps)))
    return config, choice.steps


def cost_ratio(before: Config, after: Config, data: DataSet) -> float:
    """The time of a step of `after` by that of `before`, timed in turns; 1 where no setting that matters differs.

    The ends of gamma cost nothing.
    """
    if same_pace(before, replace(after, schedule_options=before.schedule_options)):
        return 1.0
    turns = [(measure(before, data), measure(after, data)) for _ in range(_TURNS)]
    return median(after / before for before, after in turns)
