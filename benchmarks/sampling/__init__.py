"""How few evaluations are enough? The quality of samples of every sampler at equal numbers of evaluations."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar, Self

from torch import Tensor

from benchmarks.engine.machine import machine
from benchmarks.engine.plan import Block, Case, Job, Trainings, measurements
from benchmarks.engine.quality import draw, energy_distance, scaled, training_points
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Task
from benchmarks.engine.tables import frame
from benchmarks.engine.training import FIGURES, execute, load_once, plain_configuration
from benchmarks.sampling.output import DISTANCES, markdown, panels, picture
from benchmarks.sampling.ways import Way, counted, distinct_grids, ways
from ndm.base.axes import GRIDS
from ndm.base.errors import InputError
from ndm.base.registry import optional
from ndm.base.seeds import mix
from ndm.model import NeuralDiffusion
from ndm.samplers.sampler import Grid, Sampler

EVALUATIONS = (2, 4, 6, 8, 10, 12, 16, 32, 64)
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-5)
PATHS: Mapping[str, tuple[float | None, ...]] = {"series_quiet": (1.0, None), "identity": (1.0,)}
"""The contenders by the volatilities that are walked, None: the model's own; that of F = x is 1."""
_PROJECTIONS = 128
_VALIDATION = 1  # so that the noise of trials is not that of walks
_KEPT = 32  # models in memory: jobs go from one to the next

Grids = Mapping[tuple[str, str, str, int | None], str]
"""By data, contender, way and evaluations."""


@dataclass(frozen=True)
class SampledCase(Case):
    """One data set: the trainings, and how many samples meet test, and validation for each grid."""

    samples: int = 1000
    trials: int = 300
    evaluations: tuple[int, ...] = EVALUATIONS
    tolerances: tuple[float, ...] = TOLERANCES

    def part(self, timesteps: Sequence[int], scale: float) -> Self:
        samples, trials = (max(2, round(number * scale)) for number in (self.samples, self.trials))
        return replace(super().part(timesteps, scale), samples=samples, trials=trials)


# Every path in continuous time, at the recipe's learning rate.
PLAN = tuple(
    SampledCase(
        *(data, 16, limit),
        blocks=(Block((None,), tuple(PATHS), seeds=3, seconds=seconds),),
        samples=samples,
        trials=trials,
    )
    for data, limit, seconds, samples, trials in (("digits", 297, 60, 1000, 300), ("8gaussians", 1000, 30, 5000, 2000))
)


@dataclass(frozen=True)
class Walk(Task):
    """Draw `number` samples of a trained model in one way, and measure how far they are from a split."""

    data: str
    model: str
    """The name of its training."""
    contender: str
    seed: int
    """Of the training, and of the samples."""
    way: str
    evaluations: int | None
    """At most so many; None for adaptive samplers, which have a `tolerance`."""
    tolerance: float | None
    grid: str | None
    """None: all that differ."""
    split: str
    number: int


@dataclass(frozen=True)
class Floor(Task):
    """Measure how far `number` training examples are from a split: the distance of data from data."""

    data: str
    seed: int
    split: str
    number: int


@dataclass(frozen=True)
class Sampling(Trainings):
    """How few evaluations are enough? Compares samples of every sampler with test data, at equal evaluations.

    Models are trained once and kept in the folder; a sampler that is new joins when the same command is given again.
    """

    plan: ClassVar[Sequence[SampledCase]] = PLAN

    def check(self) -> None:
        super().check()
        optional("ot", "peers")  # missed now, not after the trainings

    def stages(self, rows: Mapping[str, Row]) -> Iterator[Stage]:
        """Train, choose grids on validation, and then see test once."""
        cases, models = self.cases(), self.folder / "models"
        trained, needed = measurements(cases, {}), partial(_require_model, models)
        told = ("unit", "machine", "warnings")
        train = partial(execute, models=models)
        yield Stage("trainings", train, trained, told, FIGURES, plain_configuration)
        if not self.dry_run:
            trained = [job for job in trained if "failed" not in rows.get(job.key, {"failed": "not done yet"})]
        tried = trials(cases, trained)
        yield Stage("trials of grids", partial(trial, models), tried, ("grids", "code"), require=needed)
        yield Stage("floors", floor, floors(cases), ("code", *DISTANCES))
        grids = best_grids([rows[job.key] for job in tried if job.key in rows])
        if self.dry_run:
            grids = {(job.data, job.contender, job.way, job.evaluations): "time" for job in tried}
        measured = walks(cases, trained, grids)
        figures = ("evaluations_made", "milliseconds_per_sample", *DISTANCES)
        yield Stage("walks", partial(measure, models), measured, ("code",), figures, require=needed)

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        found = panels(rows["walks"], rows["floors"])
        codes = sorted({row["code"] for name, own in rows.items() if name != "trainings" for row in own})
        return [f"Samples: code {', '.join(codes)}.", markdown(found)], {"figure.png": picture(found)}


def trials(plan: Sequence[SampledCase], trained: Sequence[Job]) -> list[Walk]:
    """On validation: every way that has a grid, with each number of evaluations, on all grids."""
    return [
        Walk(job.data, job.name, job.contender, job.seed, way.name, number, None, None, "validation", case.trials)
        for job, case, way in _each_way(plan, trained)
        for number in (() if way.is_adaptive else case.evaluations)
    ]


def walks(plan: Sequence[SampledCase], trained: Sequence[Job], grids: Grids) -> list[Walk]:
    """On test, each once: every way with each number of evaluations on its grid, or to each tolerance."""
    found = []
    for job, case, way in _each_way(plan, trained):
        own = {number: grids.get((job.data, job.contender, way.name, number)) for number in case.evaluations}
        fixed, adaptive = [(*each, None) for each in own.items() if each[1]], [(None, None, t) for t in case.tolerances]
        for number, grid, tolerance in adaptive if way.is_adaptive else fixed:
            walk = (job.data, job.name, job.contender, job.seed, way.name, number, tolerance, grid)
            found.append(Walk(*walk, "test", case.samples))
    return found


def _each_way(plan: Sequence[SampledCase], trained: Sequence[Job]) -> Iterator[tuple[Job, SampledCase, Way]]:
    cases = {case.data: case for case in plan}
    return ((job, cases[job.data], way) for job in trained for way in ways(PATHS[job.contender]))


def floors(plan: Sequence[SampledCase]) -> list[Floor]:
    """For every data set and seed."""
    return [Floor(case.data, seed, "test", case.samples) for case in plan for seed in range(case.blocks[0].seeds)]


def best_grids(rows: Sequence[Row]) -> Grids:
    """The grid with the lowest mean distance from validation over seeds, of those that all of them walked."""
    found = frame(rows)
    distances = [name for name in found if name.startswith("grids.")]
    if not distances:
        return {}
    own = found.groupby(["data", "contender", "way", "evaluations"])[distances]
    means = own.agg(lambda values: values.mean(skipna=False)).dropna(how="all")
    return {key: name.removeprefix("grids.") for key, name in means.idxmin(axis="columns").items()}


def _require_model(models: Path, job: Walk) -> None:
    if not (models / job.model).is_dir():
        got = f"{models} without {job.model}, which the rows beside it say was trained"
        raise InputError(got, "its model", "put it back, or choose another --out folder")


def trial(models: Path, walk: Walk) -> Row:
    """The energy distance of samples from validation by the grid's name, for those that the sampler can walk."""
    model, data, grids = _load(models / walk.model), load_once(walk.data), _grids(models / walk.model, walk.data)
    target, found = _held_out(walk), {}
    for name, grid in distinct_grids(grids, model.schedule, walk.evaluations or 1).items():
        sampler = Way.named(walk.way).within(walk.evaluations or 1, model, grid)
        if sampler is not None:
            with contextlib.suppress(FloatingPointError):  # samples that are not finite
                points = draw(sampler, data, walk.number, mix(walk.seed, _VALIDATION))
                found[name] = energy_distance(points, target)
    return {"grids": found, "code": machine()["code"]}


def measure(models: Path, walk: Walk) -> Row:
    """Distances of samples, evaluations made and CPU time for each; `failed` says why there are none."""
    model, data, way = _load(models / walk.model), load_once(walk.data), Way.named(walk.way)
    if walk.grid is None:
        sampler: Sampler | None = way.to(walk.tolerance or 0.0, model)
    else:
        sampler = way.within(walk.evaluations or 1, model, _grids(models / walk.model, walk.data)[walk.grid])
    assert sampler is not None  # or its trial had chosen no grid
    code = {"code": machine()["code"]}
    with counted(model) as made:
        began = time.process_time()
        try:
            points = draw(sampler, data, walk.number, walk.seed)
        except (InputError, FloatingPointError) as error:  # an ODE that blows up, samples that are not finite
            return {"failed": str(error)} | code
        seconds = time.process_time() - began
    figures = {
        "steps": sampler.steps,
        "evaluations_made": sum(made) / walk.number,
        "milliseconds_per_sample": 1e3 * seconds / walk.number,
    }
    return figures | distances(points, _held_out(walk)) | code


def floor(job: Floor) -> Row:
    """Distances of training examples from held-out ones."""
    points = training_points(load_once(job.data), job.number, job.seed)
    return distances(points, _held_out(job)) | {"code": machine()["code"]}


def distances(x: Tensor, y: Tensor) -> dict[str, float]:
    """The energy distance and the sliced Wasserstein distance of two samples (N, D) and (M, D).

    The energy distance is the unbiased one, 0 on average for samples of one law. The sliced Wasserstein distance is
    (mean over directions of W_2^2)^(1/2) along the same 128 directions for all, positive for any two samples, more so
    the fewer they are. Bonneel et al. (2015), https://doi.org/10.1007/s10851-014-0506-3, by POT.
    """
    ot = optional("ot", "peers")
    sliced = ot.sliced_wasserstein_distance(x.numpy(), y.numpy(), n_projections=_PROJECTIONS, seed=0)
    return {"energy_distance": energy_distance(x, y), "sliced_wasserstein": float(sliced)}


def _held_out(job: Walk | Floor) -> Tensor:
    """At most as many examples as there are samples, as points of [-1, 1]."""
    data = load_once(job.data)
    return scaled(data.split(job.split).x[: job.number], data)


@lru_cache(maxsize=_KEPT)
def _grids(folder: Path, data: str) -> dict[str, Grid]:
    """Those for that model: one of them takes long, and remembers what it has computed."""
    return {name: kind.for_model(_load(folder), load_once(data).event_shape) for name, kind in GRIDS.every().items()}


@lru_cache(maxsize=_KEPT)
def _load(folder: Path) -> NeuralDiffusion:
    return NeuralDiffusion.from_pretrained(folder)
