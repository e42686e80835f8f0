"""Densities of points at equal seconds of training: ours, a spline flow and flow matching, by held-out likelihood."""

import math
import time
from dataclasses import dataclass

import torch
import tyro
from torch import Tensor

from benchmarks.density.contenders import CONTENDERS
from benchmarks.density.output import picture, scatter, section
from benchmarks.engine.comparison import Comparison, Method
from benchmarks.engine.plan import Block, Case, Job
from benchmarks.engine.quality import energy_distance, scaled, training_points
from benchmarks.engine.rows import Row
from benchmarks.engine.training import attempt, cost, load_once, stored
from benchmarks.peers.densities import Contender, Fitted
from ndm.base.errors import InputError
from ndm.base.registry import choose
from ndm.data import DataSet

_SHOWN = 1000  # samples that are kept for a picture, of the first seed
# Rates are tried at the full budget: trials of five seconds chose far too high ones for it.
PLAN = tuple(
    Case(
        *(data, 0, 3000, 3000, None, 30, (Block((None,), tuple(CONTENDERS), seeds=3, seconds=30),)),
        tuning_limit=1000,
    )
    for data in ("moons", "8gaussians", "checkerboard", "pinwheel", "cities")
)


def configuration(job: Job) -> Row:
    """What the job trains, as plain data."""
    assert job.seconds is not None
    return _contender(job).configuration(load_once(job.data), job.seconds, job.seed, job.learning_rate)


def execute(job: Job) -> Row:
    """The row of a job: fit, then evaluate the density of held-out examples, and compare samples with them.

    Where training diverges, or the density cannot be followed, `failed` says why.
    """
    data = load_once(job.data)

    def measure() -> Row:
        assert job.seconds is not None
        began = time.process_time()
        fitted = _contender(job).fit(data, job.seconds, job.seed, job.learning_rate)
        training = cost(fitted.network, fitted.steps, time.process_time() - began)
        try:
            return training | _likelihood(fitted, data, job) | _samples(fitted, data, job)
        except InputError as error:  # the solver's: an ODE that blows up, or does not arrive
            raise FloatingPointError(error.got) from error

    return {"unit": "nats", "config": configuration(job)} | attempt(measure)


def _contender(job: Job) -> Contender:
    found: Contender = choose("contender", job.contender, CONTENDERS)
    return found


def _likelihood(fitted: Fitted, data: DataSet, job: Job) -> Row:
    """The mean of -log p, its excess over the truth on the same examples, and where the bound stands."""
    held_out = data.split(job.split).x[: job.limit]
    x = torch.from_numpy(held_out)
    began = time.process_time()
    nats = -fitted.log_prob(x).detach().double()
    figures: Row = {"likelihood_seconds": time.process_time() - began, "num_examples": len(x)}
    if not torch.isfinite(nats).all():
        raise FloatingPointError("the density of held-out examples is not finite")
    figures |= _mean("total", "standard_error", nats) | {"per_example": stored(nats)}
    if data.log_density is not None:
        truth = -torch.from_numpy(data.log_density(held_out))
        figures |= {"truth": float(truth.mean())} | _mean("excess", "excess_standard_error", nats - truth)
    bound = fitted.bound(x) if fitted.bound else None
    return figures if bound is None else figures | _mean("bound", "bound_standard_error", bound.double())


def _mean(name: str, error: str, values: Tensor) -> Row:
    return {name: float(values.mean()), error: float(values.std() / math.sqrt(len(values)))}


def _samples(fitted: Fitted, data: DataSet, job: Job) -> Row:
    """The energy distance of samples from the held-out examples, and that of as many training examples."""
    if not job.num_samples:
        return {}
    began = time.process_time()
    samples = fitted.sample((job.num_samples, *data.event_shape), job.seed).detach().numpy()
    figures: Row = {"sampling_seconds": time.process_time() - began, "num_samples": job.num_samples}
    target = scaled(data.split(job.split).x[: job.limit], data)
    floor = energy_distance(training_points(data, job.num_samples, job.seed), target)
    figures["energy_distance"] = {fitted.sampler: energy_distance(scaled(samples, data), target), "floor": floor}
    return figures | ({} if job.seed else {"samples": samples[:_SHOWN].astype(float).round(2).tolist()})


_FIGURES = (
    *("total", "standard_error", "likelihood_seconds"),
    *("training_seconds", "steps_trained", "ms_per_step", "parameters"),
)


@dataclass(frozen=True)
class Density(Comparison):
    """Held-out log-likelihood of points: ours against a spline flow and flow matching, trained for equal CPU time."""

    plan = PLAN
    method = Method(
        *(section, {"figure.png": picture, "samples.png": scatter}, execute, configuration, _FIGURES),
        references=("nsf",),
    )

    timesteps: tyro.conf.Suppress[tuple[int, ...]] = ()  # all are models of continuous time

    def check(self) -> None:
        super().check()
        for name in dict.fromkeys(name for case in self.cases() for name in case.contenders):
            choose("contender", name, CONTENDERS).check()
