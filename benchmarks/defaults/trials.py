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

from benchmarks.defaults.space import EMA, SPACE, changes_of, given, nested, network_of, searched
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
class TrialJob(Task):
    """Train a trial on a set for `seconds` of wall time, at T = `timesteps`; None: in continuous time."""

    data: str
    kind: str
    trial: str
    """The name of what it changes of what the rules choose; `rules` for nothing."""
    seconds: float
    timesteps: int | None = None
    steps: int | None = None
    """Of what the rules choose, in this time: the trial makes as many as take as long, by steps timed in turns. None:
    as many as `seconds` hold."""
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
    network, facts, changes = network_of(job.kind), facts_of(data), _changes(job)

    def plan(values: Mapping[str, Any], **budget: Any) -> tuple[Config, Choice]:
        # The rules know a table by the names of its columns, which the files of the sets do not have.
        given = {"predictor_options.network": network, **values}
        about_run = {"timesteps": job.timesteps, "seed": job.seed} | budget
        with tempfile.TemporaryDirectory() as folder:
            made = planned(Settled(nested(given) | about_run), data, Path(folder) / "new")
        assert made.choice is not None  # nothing is a recipe's
        return made.config, made.choice

    config, choice = plan({}, max_seconds=job.seconds)
    if changes:
        held = {name: choice.values[name] for name in (*SPACE[network], *_WAYS) if name in choice.values}
        values = held | given(changes, facts, job.timesteps)
        if job.steps is None:
            config, choice = plan(values, max_seconds=job.seconds)
        else:
            trial, _ = plan(values, max_steps=job.steps)
            config, choice = plan(values, max_steps=max(1, round(job.steps / cost_ratio(config, trial, data))))
    config = replace(config, log_every=_NEVER, save_every=_NEVER)
    if EMA in changes:
        config = replace(config, ema_decay=max(0.0, 1 - 1 / (changes[EMA] * choice.steps)))
    return config, choice.steps


def cost_ratio(rules: Config, trial: Config, data: DataSet) -> float:
    """The time of a step of a trial by that of the rules, timed in turns; 1 where no setting that matters differs.

    The ends of gamma cost nothing.
    """
    if same_pace(rules, replace(trial, schedule_options=rules.schedule_options)):
        return 1.0
    turns = [(measure(rules, data), measure(trial, data)) for _ in range(_TURNS)]
    return median(after / before for before, after in turns)
