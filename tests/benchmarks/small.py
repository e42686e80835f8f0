"""What the tests of comparisons share: a plan of seconds, jobs that cost nothing, and rows without training."""

import os
import signal
from dataclasses import asdict, replace

import numpy as np

from benchmarks.engine.plan import Block, Case, Job
from benchmarks.sets.real_set import Made, RealSet, digest_of, divided

JOB = Job("moons", "default", 4, 1.0, None, 0, 1.0, "test", draws=4, limit=20)

PLAN = (
    Case(
        "moons",
        draws=4,
        limit=40,
        num_samples=20,
        reference=2,
        tuning_seconds=None,
        blocks=(Block((2, None), ("default", "identity"), seeds=2, steps=3),),
    ),
)


def real_set(name: str, kind: str, x: np.ndarray, **options: bool) -> RealSet:
    """A set without archives, each four of whose examples have a source."""
    made = Made(x, [f"{i // 4:03}" for i in range(len(x))])
    digest = digest_of(*divided(made, name)[:2])
    return RealSet(name, kind, "ours", "none", "nothing", (), lambda files: made, options, digest)


def jobs(number: int) -> list[Job]:
    """Jobs that differ by their seed."""
    return [replace(JOB, seed=seed) for seed in range(number)]


def square(job: Job) -> dict:
    """Stands for a training."""
    return {"answer": job.seed**2}


def dies_at_one(job: Job) -> dict:
    """The process of seed 1 is killed, and seed 2 is a mistake in the code."""
    if job.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if job.seed == 2:
        raise ValueError("two")
    return square(job)


def row(job: Job, seed: int, shift: float = 0.0) -> dict:
    """A row with made-up figures."""
    per_example = list(np.random.default_rng(seed).normal(size=20) + shift)
    figures = {"unit": "nats", "total": float(np.mean(per_example)), "per_example": per_example}
    job = replace(job, seed=seed)
    return {"key": job.key} | asdict(job) | figures
