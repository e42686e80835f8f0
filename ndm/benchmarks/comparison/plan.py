"""Plans: tables of what is compared, and the jobs that they stand for, in the order that they are run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ndm.base.errors import InputError
from ndm.benchmarks.comparison.job import Job
from ndm.benchmarks.comparison.resumable import of_data
from ndm.benchmarks.comparison.sizes import LARGER, Sizing

_FIRST_TUNING_SEED = 100  # no seed of a measurement
_MOST_SAMPLED_STEPS = 32  # few-step generation: longer chains are not sampled
FACTORS = (1.0, 2.0, 4.0, 8.0)

Rates = Mapping[tuple[str, str, bool], float]  # by data, contender, and whether time is continuous
Sizes = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Block:
    """Every combination of its times and contenders, for seeds 0 to `seeds` - 1, at one budget."""

    timesteps: tuple[int | None, ...]
    contenders: tuple[str, ...]
    seeds: int
    seconds: float | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Study:
    """What is done with one data set: how models are evaluated, tuned and compared.

    `reference` is the T at which the learning rates of all chains are tuned and denoisers enlarged; those of continuous
    time are tuned there. Every contender gets `tuning_seeds` trainings of `tuning_seconds` for each factor of the
    learning rate, judged by their mean on validation; None: all keep the recipe's rate.
    """

    data: str
    draws: int
    limit: int
    num_samples: int
    reference: int | None
    tuning_seconds: float | None
    blocks: tuple[Block, ...]
    tuning_seeds: int = 1
    tuning_limit: int | None = None
    """Trials are evaluated on the first so many examples; None: on `limit`."""

    def tuned(self, name: str) -> tuple[int | None, ...]:
        """Where the contender's learning rate is chosen: at `reference` for its chains, None for continuous time."""
        times = {time for block in self.blocks if name in block.contenders for time in block.timesteps}
        return (self.reference,) * bool(times - {None}) + (None,) * (None in times)

    @property
    def contenders(self) -> list[str]:
        """Those of all blocks, in the order of their appearance."""
        return list(dict.fromkeys(name for block in self.blocks for name in block.contenders))


Plan = tuple[Study, ...]


def subset(plan: Plan, data: Sequence[str], timesteps: Sequence[int], scale: float) -> Plan:
    """The studies of these data and times (0: continuous; nothing: all), with budgets `scale` times as long.

    Raises `InputError` where a name or a time is not in the plan.
    """
    wanted = {time or None for time in timesteps}
    asked = of_data(plan, data, scale)
    chosen = [_smaller(study, wanted, scale) for study in asked]
    found = {time for study in chosen for block in study.blocks for time in block.timesteps}
    if wanted - found:
        times = {time or 0 for study in asked for block in study.blocks for time in block.timesteps}
        raise InputError(
            f"timesteps {', '.join(str(time or 0) for time in wanted - found)}",
            f"some of {', '.join(map(str, sorted(times)))} (0: continuous time)",
        )
    return tuple(study for study in chosen if study.blocks)


def _smaller(study: Study, wanted: set[int | None], scale: float) -> Study:
    blocks = []
    for block in study.blocks:
        times = tuple(time for time in block.timesteps if time in wanted or not wanted)
        if times:
            seconds = None if block.seconds is None else block.seconds * scale
            steps = None if block.steps is None else max(1, round(block.steps * scale))
            blocks.append(replace(block, timesteps=times, seconds=seconds, steps=steps))
    tuning = None if study.tuning_seconds is None else study.tuning_seconds * scale
    return replace(study, blocks=tuple(blocks), tuning_seconds=tuning)


def sizings(plan: Plan) -> list[Sizing]:
    """The searches for the denoiser's size, one for each data set and contender that needs it."""
    return [Sizing(study.data, name, study.reference) for study in plan for name in study.contenders if name == LARGER]


def tunings(plan: Plan, sizes: Sizes) -> list[Job]:
    """The trials of the learning rate: as many for each contender, in chains and in continuous time."""
    return [
        Job(
            study.data,
            name,
            time,
            study.tuning_seconds,
            None,
            _FIRST_TUNING_SEED + seed,
            factor,
            "validation",
            study.draws,
            study.tuning_limit or study.limit,
            0,
            sizes.get((study.data, name)),
        )
        for factor in FACTORS
        for study in plan
        if study.tuning_seconds is not None
        for seed in range(study.tuning_seeds)
        for time in dict.fromkeys((study.reference, None))
        for name in study.contenders
        if time in study.tuned(name)
    ]


def measurements(plan: Plan, sizes: Sizes, rates: Rates) -> list[Job]:
    """The jobs that are evaluated on test, each once.

    Contenders follow each other under the same conditions, and seeds come last: what is done is always balanced.
    """
    jobs = {}
    for study_index, study in enumerate(plan):
        for block in study.blocks:
            for time in block.timesteps:
                samples = study.num_samples if (time or 0) <= _MOST_SAMPLED_STEPS else 0
                for index, name in enumerate(study.contenders):
                    for seed in range(block.seeds if name in block.contenders else 0):
                        rate = rates.get((study.data, name, time is None), 1.0)
                        job = Job(
                            study.data,
                            name,
                            time,
                            block.seconds,
                            block.steps,
                            seed,
                            rate,
                            "test",
                            study.draws,
                            study.limit,
                            samples,
                            sizes.get((study.data, name)),
                        )
                        jobs[job] = (seed, study_index, time or math.inf, -job.weight, job.budget, index)
    return sorted(jobs, key=lambda job: jobs[job])
