"""One job: fit, then evaluate the density of held-out examples, and compare samples with them."""

import math
import time
from typing import Any

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.registry import choose
from ndm.benchmarks.comparison.execute import attempt, load_once, stored
from ndm.benchmarks.comparison.job import Job
from ndm.benchmarks.comparison.quality import energy_distance, scaled, training_points
from ndm.benchmarks.comparison.stages import Method
from ndm.benchmarks.densities.contender import Contender, Fitted
from ndm.benchmarks.densities.contenders import contenders
from ndm.data import DataSet

_SHOWN = 1000  # samples that are kept for a picture, of the first seed


def configuration(job: Job) -> dict[str, Any]:
    """What the job trains, as plain data."""
    assert job.seconds is not None
    return _contender(job).configuration(load_once(job.data), job.seconds, job.seed, job.learning_rate)


def execute(job: Job) -> dict[str, Any]:
    """The row of a job; where training diverges, or the density cannot be followed, `failed` says why."""
    data = load_once(job.data)

    def measure() -> dict[str, Any]:
        assert job.seconds is not None
        began = time.process_time()
        fitted = _contender(job).fit(data, job.seconds, job.seed, job.learning_rate)
        seconds = time.process_time() - began
        training = {
            "training_seconds": seconds,
            "steps_trained": fitted.steps,
            "ms_per_step": 1e3 * seconds / max(fitted.steps, 1),
            "parameters": fitted.num_parameters,
        }
        try:
            return training | _likelihood(fitted, data, job) | _samples(fitted, data, job)
        except InputError as error:  # the solver's: an ODE that blows up, or does not arrive
            raise FloatingPointError(error.got) from error

    return {"unit": "nats", "config": configuration(job)} | attempt(measure)


METHOD = Method(
    execute,
    configuration,
    figures=(
        "total",
        "standard_error",
        "likelihood_seconds",
        "training_seconds",
        "steps_trained",
        "ms_per_step",
        "parameters",
    ),
    more=("truth", "excess", "excess_standard_error", "bound", "bound_standard_error", "sampling_seconds"),
)


def _contender(job: Job) -> Contender:
    found: Contender = choose("contender", job.contender, contenders())
    return found


def _likelihood(fitted: Fitted, data: DataSet, job: Job) -> dict[str, Any]:
    """The mean of -log p, its excess over the truth on the same examples, and where the bound stands."""
    held_out = data.split(job.split).x[: job.limit]
    x = torch.from_numpy(held_out)
    began = time.process_time()
    nats = -fitted.log_prob(x).detach().double()
    figures: dict[str, Any] = {"likelihood_seconds": time.process_time() - began, "num_examples": len(x)}
    if not torch.isfinite(nats).all():
        raise FloatingPointError("the density of held-out examples is not finite")
    figures |= {"total": float(nats.mean()), "standard_error": _standard_error(nats), "per_example": stored(nats)}
    if data.log_density is not None:
        truth = -torch.from_numpy(data.log_density(held_out))
        figures |= {
            "truth": float(truth.mean()),
            "excess": float((nats - truth).mean()),
            "excess_standard_error": _standard_error(nats - truth),
        }
    bound = fitted.bound(x)
    if bound is not None:
        figures |= {"bound": float(bound.double().mean()), "bound_standard_error": _standard_error(bound.double())}
    return figures


def _samples(fitted: Fitted, data: DataSet, job: Job) -> dict[str, Any]:
    """The energy distance of samples from the held-out examples, and that of as many training examples."""
    if not job.num_samples:
        return {}
    began = time.process_time()
    samples = fitted.sample((job.num_samples, *data.event_shape), job.seed).detach().numpy()
    figures: dict[str, Any] = {"sampling_seconds": time.process_time() - began, "num_samples": job.num_samples}
    target = scaled(data.split(job.split).x[: job.limit], data)
    figures["energy_distance"] = {
        fitted.sampler: energy_distance(scaled(samples, data), target),
        "floor": energy_distance(training_points(data, job.num_samples, job.seed), target),
    }
    if job.seed == 0:
        figures["samples"] = samples[:_SHOWN].astype(float).round(2).tolist()
    return figures


def _standard_error(values: Tensor) -> float:
    return float(values.std() / math.sqrt(len(values)))
