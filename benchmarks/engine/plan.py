"""Plans: tables of what is compared, and the jobs that they stand for, in the order that they are run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from benchmarks.engine.study import Study, Task
from ndm.base.errors import InputError
from ndm.data import load

_MOST_WORKERS = 1024
_FIRST_TUNING_SEED = 100  # no seed of a measurement
_MOST_SAMPLED_STEPS = 32  # few-step generation: longer chains are not sampled
_TYPICAL = 20.0  # seconds of a training that is given by its steps
FACTORS = (1.0, 2.0, 4.0, 8.0)

Rates = Mapping[tuple[str, str, bool], float]  # by data, contender, and whether time is continuous


@dataclass(frozen=True)
class Job(Task):
    """Train `contender` on `data` for `seconds` of CPU time or `steps`, then evaluate its bound on `split`."""

    data: str
    contender: str
    timesteps: int | None
    """T of the chain that is trained and evaluated; None: continuous time."""
    seconds: float | None
    """CPU seconds of training; None where `steps` are given."""
    steps: int | None
    seed: int
    learning_rate: float
    """Factor on the recipe's."""
    split: str
    draws: int
    """Of (t, z_t) for each example that is evaluated."""
    limit: int
    """Evaluate the first so many examples of the split."""
    num_samples: int = 0
    """Samples to compare with the split; 0: none."""

    @property
    def name(self) -> str:
        """What is trained, as the name of a folder."""
        time, length = f"T={self.timesteps or 'inf'}", budget(self.seconds, self.steps).replace(" ", "")
        return f"{self.data}_{self.contender}_{time}_{length}_rate={self.learning_rate:g}_seed={self.seed}"


def budget(seconds: float | None, steps: float | None) -> str:
    """40 s, or 400 steps."""
    return f"{seconds:g} s" if seconds is not None else f"{steps:.0f} steps"


@dataclass(frozen=True)
class Block:
    """Every combination of its times and contenders, for seeds 0 to `seeds` - 1, at one budget."""

    timesteps: tuple[int | None, ...]
    contenders: tuple[str, ...]
    seeds: int
    seconds: float | None = None
    steps: int | None = None

    def part(self, wanted: Sequence[int], scale: float) -> Self:
        """These T of it (0: continuous; nothing: all), with a budget `scale` times as long."""
        return replace(
            self,
            timesteps=tuple(time for time in self.timesteps if (time or 0) in wanted or not wanted),
            seconds=self.seconds and self.seconds * scale,
            steps=self.steps and max(1, round(self.steps * scale)),
        )


@dataclass(frozen=True)
class Case:
    """What is done with one data set: how models are evaluated, tuned and compared.

    `reference` is the T at which the learning rates of all chains are tuned; those of continuous time are tuned there.
    Every contender gets `tuning_seeds` trainings of `tuning_seconds` for each factor of the learning rate, judged by
    their mean on validation; None: all keep the recipe's rate.
    """

    data: str
    draws: int = 0
    limit: int = 0
    num_samples: int = 0
    reference: int | None = None
    tuning_seconds: float | None = None
    blocks: tuple[Block, ...] = ()
    tuning_seeds: int = 1
    tuning_limit: int | None = None
    """Trials are evaluated on the first so many examples; None: on `limit`."""

    def tuned(self, name: str) -> tuple[int | None, ...]:
        """Where the contender's learning rate is chosen: at `reference` for its chains, None for continuous time."""
        times = {time for block in self.blocks if name in block.contenders for time in block.timesteps}
        return (self.reference,) * bool(times - {None}) + (None,) * (None in times)

    def part(self, timesteps: Sequence[int], scale: float) -> Self:
        """The blocks of these T (0: continuous; nothing: all), with budgets `scale` times as long."""
        blocks = tuple(part for block in self.blocks if (part := block.part(timesteps, scale)).timesteps)
        return replace(self, blocks=blocks, tuning_seconds=self.tuning_seconds and self.tuning_seconds * scale)

    @property
    def contenders(self) -> list[str]:
        """Those of all blocks, in the order of their appearance."""
        return list(dict.fromkeys(name for block in self.blocks for name in block.contenders))


def subset(cases: Sequence[Case], timesteps: Sequence[int], scale: float) -> list[Any]:
    """The parts of these T, where there are any.

    Raises `InputError` where a time is in no case.
    """
    times = {time or 0 for case in cases for block in case.blocks for time in block.timesteps}
    if unknown := set(timesteps) - times:
        expected = f"some of {', '.join(map(str, sorted(times)))} (0: continuous time)"
        raise InputError(f"timesteps {', '.join(map(str, unknown))}", expected)
    found = [case.part(timesteps, scale) for case in cases]
    return [case for case in found if case.blocks]


def tunings(plan: Sequence[Case]) -> list[Job]:
    """The trials of the learning rate: as many for each contender, in chains and in continuous time."""
    return [
        Job(
            *(case.data, name, time, case.tuning_seconds, None, _FIRST_TUNING_SEED + seed, factor, "validation"),
            *(case.draws, case.tuning_limit or case.limit),
        )
        for factor in FACTORS
        for case in plan
        if case.tuning_seconds is not None
        for seed in range(case.tuning_seeds)
        for time in dict.fromkeys((case.reference, None))
        for name in case.contenders
        if time in case.tuned(name)
    ]


def measurements(plan: Sequence[Case], rates: Rates) -> list[Job]:
    """The jobs that are evaluated on test, each once.

    Contenders follow each other under the same conditions, and seeds come last: what is done is always balanced.
    """
    jobs = {}
    for number, case in enumerate(plan):
        for block in case.blocks:
            for time in block.timesteps:
                samples = case.num_samples if (time or 0) <= _MOST_SAMPLED_STEPS else 0
                for index, name in enumerate(case.contenders):
                    for seed in range(block.seeds if name in block.contenders else 0):
                        rate = rates.get((case.data, name, time is None), 1.0)
                        length, shown = (block.seconds, block.steps), (case.draws, case.limit, samples)
                        job = Job(case.data, name, time, *length, seed, rate, "test", *shown)
                        jobs[job] = (seed, number, time or math.inf, -(job.seconds or _TYPICAL), budget(*length), index)
    return sorted(jobs, key=lambda job: jobs[job])


@dataclass(frozen=True)
class Trainings(Study):
    """A study that trains what a plan says, in processes side by side."""

    plan: ClassVar[Sequence[Case]]

    workers: int = 2
    """Processes, one core and one thread each."""
    data: tuple[str, ...] = ()
    """Only these of the plan's data."""
    scale: float = 1.0
    """Factor on all budgets of training; 0.01 is a smoke test."""

    @property
    def side_by_side(self) -> int:
        return self.workers

    def check(self) -> None:
        for case in self.cases():
            load(case.data)  # data that are absent are missed now

    def cases(self, timesteps: Sequence[int] = ()) -> list[Any]:
        """The part of the plan that is asked for; `InputError` where it is not in the plan, or cannot be done."""
        if not 1 <= self.workers <= _MOST_WORKERS:
            raise InputError(f"{self.workers} workers", f"1 to {_MOST_WORKERS}")
        if not 0 < self.scale < math.inf:
            raise InputError(f"scale = {self.scale}", "a positive number")
        known = {case.data for case in self.plan}
        for name in self.data:
            if name not in known:
                raise InputError(f"data {name!r}", "some of " + ", ".join(sorted(known)))
        return subset([case for case in self.plan if case.data in self.data or not self.data], timesteps, self.scale)
