"""One training with a weight of the kinetic energy, and what became of the paths."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ndm.base.noise import sample_noise
from ndm.benchmarks.comparison.execute import NEVER, load_once, trained
from ndm.benchmarks.comparison.machine import machine
from ndm.benchmarks.comparison.quality import training_examples
from ndm.bounds.nelbo import nelbo
from ndm.config import Config
from ndm.data import DataSet
from ndm.evaluation.wasserstein import squared_wasserstein
from ndm.model import NeuralDiffusion
from ndm.ode.likelihood import ode_likelihood
from ndm.ode.transport import transport
from ndm.recipes import recipe
from ndm.samplers.deterministic import Deterministic
from ndm.samplers.ode import Ode

NUMBER = 1500  # of paths, samples and held-out points: exact transport is cubic in it
FEW = (2, 4, 8)  # steps of the first-order sampler
_DRAWN, _MOMENTS, _DIGITS = 80, 24, 4  # of the picture: paths, points of a path, decimals


@dataclass(frozen=True)
class PathJob:
    """Train a path on `data` for `seconds` of CPU time, with that weight of the energy; None: F = identity."""

    data: str
    kinetic_weight: float | None
    seconds: float
    seed: int

    @property
    def contender(self) -> str:
        """What it is called."""
        return "F = identity" if self.kinetic_weight is None else f"learned F, weight {self.kinetic_weight:g}"

    @property
    def key(self) -> str:
        """All fields in one line."""
        return f"{self.data} {self.contender} {self.seconds:g} s seed={self.seed}"

    @property
    def weight(self) -> float:
        """CPU seconds of training."""
        return self.seconds


def configuration(job: PathJob) -> Config:
    """The recipe of the plane on the schedule of flow matching: with F = identity single examples have straight lines.

    The volatility is random, and x^ is plugged into F: the model is asked for its ODE.
    """
    config = replace(
        recipe("plane", load_once(job.data)),
        schedule="flow",
        schedule_options={},
        transform="identity",
        max_seconds=job.seconds,
        max_steps=None,
        seed=job.seed,
        threads=1,
        log_every=NEVER,
        save_every=NEVER,
    )
    if job.kinetic_weight is None:
        return config
    return replace(
        config, transform="series", predictor="plug_in", volatility="random", kinetic_weight=job.kinetic_weight
    )


def execute(job: PathJob) -> dict[str, Any]:
    """The row of a job, all figures on test."""
    data = load_once(job.data)
    trainer = trained(configuration(job), data)
    return figures(trainer.ema.model, data, job.seed) | {"steps_trained": trainer.step, "machine": machine()}


@torch.no_grad()
def figures(model: NeuralDiffusion, data: DataSet, seed: int) -> dict[str, Any]:
    """Of the paths: energy, displacement, straightness, evaluations; W_2^2 of their ends from the data, with its
    floor (of as many training examples) and that of a few steps; the cost of the exact transport; the likelihood."""
    x = model.decoder.from_raw(data.test.x[:NUMBER])
    others = model.decoder.from_raw(training_examples(data, len(x), seed))
    held_out, floor = model.decoder.standardise(x).flatten(1), model.decoder.standardise(others).flatten(1)
    z_1 = sample_noise(seed, 0, tuple(x.shape), x).normal()
    paths = transport(model, z_1)
    alpha = float(model.schedule(torch.zeros(())).alpha)

    def distance(z_0: Tensor) -> float:
        return squared_wasserstein(z_0.flatten(1) / alpha, held_out)

    likelihood = -ode_likelihood(model, x).log_prob.double()
    assert data.log_density is not None
    truth = -torch.from_numpy(data.log_density(data.test.x[:NUMBER]))
    few = {str(steps): distance(Deterministic(model, steps).trajectory(tuple(x.shape), seed=seed)[-1]) for steps in FEW}
    drawn = Ode(model, _MOMENTS).trajectory((_DRAWN, *x.shape[1:]), seed=seed).transpose(0, 1)
    return {
        "energy": float(paths.energy.mean()),
        "displacement": float(paths.displacement.mean()),
        "straightness": float(paths.straightness.mean()),
        "optimal": squared_wasserstein(z_1.flatten(1), alpha * held_out),
        "w2": distance(paths.z_0),
        "floor": squared_wasserstein(floor, held_out),
        "few": few,
        "nelbo": float(nelbo(model, x).total.mean()),
        "ode": float(likelihood.mean()),
        "excess": float((likelihood - truth).mean()),
        "paths": [[[round(value, _DIGITS) for value in point] for point in path] for path in drawn.tolist()],
    }
