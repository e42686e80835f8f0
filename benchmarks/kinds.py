"""Signals, sound, volumes and float images as `ndm train` takes them by default, against Gaussians and codecs.

Every set is one of `benchmarks.sets.catalogue.SETS`. All numbers are of its test split: the bound after a budget of
training, a Gaussian of full covariance, one of each dimension, and what codecs take for the values before noise was
added to them.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pandas import DataFrame

from benchmarks.engine.commits import ROOT
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Study, Task
from benchmarks.engine.tables import Text, frame, listing, mean, plain, text
from benchmarks.sets.catalogue import SETS
from benchmarks.sets.real_set import CACHE, RealSet, Result, build
from ndm.base.errors import InputError
from ndm.base.processes import Processes
from ndm.base.registry import choose, optional
from ndm.config import budget
from ndm.data.codecs import level_bits
from ndm.data.event import event_of
from ndm.data.levels import Levels, levels_of
from ndm.data.yardsticks import independent_gaussians
from ndm.evaluation.estimates import BoundEstimator
from ndm.runs.run import open_run

_SHRINKAGES = (0.0, *np.geomspace(1e-9, 1, 46))
_FIGURES = ("bound", "standard_error", "standard_error_of_draws", "gaussian", "shrinkage", "less_gaussian")
_SAID = (
    "Bits per dimension on the test split. Bound: mean ± standard error over seeds (over examples; those of one source "
    "are alike, so that this error is too small). For floats without levels they are those of a density in the unit of "
    "the file, of which only differences mean something. The Gaussian of full covariance is fitted to the training "
    "split, and shrunk towards that of each dimension as is best on validation. Less Gaussian: paired by example; "
    "**bold**: beyond two standard errors over seeds and over examples. Codecs compress the test split before noise "
    "was added; of FLAC's two ways, one stream and a block for each example, the better counts."
)


@dataclass(frozen=True)
class KindJob(Task):
    """Train on `data` for `budget`, the words of `ndm train --budget`, and evaluate `draws` of each test example."""

    data: str
    budget: str
    seed: int
    draws: int

    @property
    def weight(self) -> float:
        """Seconds of the training, where the budget tells them."""
        return float(budget(self.budget).get("max_seconds", 1.0))


@dataclass(frozen=True)
class Kinds(Study):
    """What `ndm train` makes by default of signals, sound, volumes and float images, against Gaussians and codecs.

    One training after the other has the whole machine. `pip install 'ndm[audio]'` for FLAC.
    """

    only: tuple[str, ...] = ("heart", "speech", "skull16", "brain8", "depth8")
    """names of sets of real values"""
    budget: str = "10m"
    """of each training, as in `ndm train --budget`"""
    seeds: int = 3
    """trainings of each set, of seeds 0, 1, ..."""
    draws: int = 16
    """of (t, z_t) for each test example"""
    cache: Path = CACHE
    """the folder of archives and sets"""

    def check(self) -> None:
        for name in self.only:
            if choose("set", name, SETS).kind == "image":
                raise InputError(f"the images {name}", "sets of real values: signals, volumes, float images, tables")
        if self.seeds < 1 or self.draws < 2:
            raise InputError(f"{self.seeds} seeds and {self.draws} draws", "at least 1, and at least 2")
        budget(self.budget)
        optional("soundfile", "audio")
        for name in self.only:
            build(SETS[name], self.cache.expanduser())  # what cannot be had is missed now

    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        jobs = [KindJob(name, self.budget, seed, self.draws) for seed in range(self.seeds) for name in self.only]
        work = partial(execute, sets=SETS, cache=self.cache.expanduser(), runs=self.folder / "runs")
        return [Stage("kinds", work, jobs, (*_FIGURES, "machine"))]

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        found = frame(rows["kinds"])
        entries: dict[str, Text] = {
            "kind": partial(_word, name="kind"),
            "event": partial(_word, name="event"),
            "train": partial(plain, name="num_fitted", form=",.0f"),
            "test": partial(plain, name="num_examples", form=",.0f"),
            "bound": lambda cell: f"{text(cell, 'bound')} ({plain(cell, 'standard_error', '.3f')})",
            "full-covariance Gaussian": partial(plain, name="gaussian", form=".3f"),
            "less Gaussian": _less_gaussian,
            "independent": partial(plain, name="independent", form=".3f"),
            "FLAC": partial(plain, name="codecs.flac", form=".3f"),
            "xz": partial(plain, name="codecs.xz", form=".3f"),
            "zlib": partial(plain, name="codecs.zlib", form=".3f"),
            "steps": partial(plain, name="steps_trained", form=",.0f"),
            "parameters": partial(plain, name="parameters", form=",.0f"),
        }
        shrunk = ", ".join(
            f"{name} {plain(cell, 'shrinkage', '.2g')}" for name, cell in found.groupby("data", sort=False)
        )
        return [_SAID, listing(found, "data", entries), f"Shrinkage: {shrunk}."], {}


def _word(cell: DataFrame, name: str) -> str:
    return str(cell[name].iloc[0])


def _less_gaussian(cell: DataFrame) -> str:
    """The bound less the Gaussian's, in bold where it is clear; from a single seed nothing is."""
    found, over_examples = mean(cell, "less_gaussian"), mean(cell, "less_gaussian_error")
    assert found is not None and over_examples is not None
    is_clear = found.error is not None and abs(found.value) > 2 * max(found.error, over_examples.value)
    words = ("+" if found.value >= 0 else "") + found.text()
    return (f"**{words}**" if is_clear else words) + f" ({over_examples.value:.3f})"


def execute(job: KindJob, sets: Mapping[str, RealSet], cache: Path, runs: Path) -> Row:
    """The row of a job: train by the command line, where no setting but the budget and the seed is given; compare."""
    chosen = sets[job.data]
    made = build(chosen, cache)
    folder = runs / f"{job.data}-{job.budget}-{job.seed}"
    train(made, folder, job)
    data, run = made.load(), open_run(folder)
    x, size = np.asarray(data.test.x), math.prod(data.event_shape)
    levels = levels_of(x, data.reading)
    per_dim = (levels or Levels(x, 1.0)).bits_per_dim
    estimator = BoundEstimator(run.config["timesteps"], job.draws, seed=0)
    estimate = estimator.estimate(run, run.as_input(x), None, Processes())
    nats = estimate.total.double().numpy()
    fitted = Gaussian(np.asarray(data.train.x))
    shrinkage = min(_SHRINKAGES, key=lambda each: float(fitted.nats(np.asarray(data.validation.x), each).mean()))
    less, bit = nats - fitted.nats(x, shrinkage), size * math.log(2)
    independent = independent_gaussians(np.asarray(data.train.x), x)
    codes = None if levels is None else level_bits(levels.k, event_of(data.event_shape, None, data.columns))
    return {
        "kind": chosen.kind,
        "event": "x".join(map(str, data.event_shape)),
        "unit": "bits/dim",
        "num_fitted": len(data.train),
        "num_examples": len(x),
        "bound": per_dim(float(nats.mean())),
        "standard_error": _error(nats / bit),
        "standard_error_of_draws": float((estimate.standard_error.double() ** 2).sum().sqrt()) / len(x) / bit,
        "gaussian": per_dim(float((nats - less).mean())),
        "shrinkage": float(shrinkage),
        "less_gaussian": float(less.mean()) / bit,
        "less_gaussian_error": _error(less / bit),
        "independent": None if independent is None else per_dim(independent),
        "codecs": {} if codes is None else {"flac": codes.flac} | codes.values,
        "steps_trained": run.progress["step"],
        "training_seconds": run.progress["seconds"],
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "config": {name: value for name, value in run.config.items() if name != "data"},
        "machine": machine(),
    }


def train(made: Result, folder: Path, job: KindJob) -> None:
    """`ndm train`, in a new process, which resumes where it was stopped; a RuntimeError says how it failed."""
    options = [f"{name}={json.dumps(value)}" for name, value in made.options.items()]
    words = [made.data, *(["--data-options", *options] if options else []), "--run", str(folder)]
    words += ["--budget", job.budget, "--seed", str(job.seed)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", "ndm.cli", "train", *words],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = process.communicate()
    except KeyboardInterrupt:  # which the training got too: it saves
        process.wait()
        raise
    if process.returncode:
        raise RuntimeError((said.strip().splitlines() or ["a training that ended without a word"])[-1])


class Gaussian:
    """Gaussians of full covariance, S shrunk towards its diagonal: (1 - lambda) S + lambda diag(S).

    With the correlations R = Q diag(r) Q^T, S = D R D and D the standard deviations, the eigenvalues of the shrunk
    correlations are (1 - lambda) r + lambda, so that one decomposition serves every lambda.
    Source: Schäfer, Strimmer (2005), https://doi.org/10.2202/1544-6115.1175, target D.
    """

    def __init__(self, train: np.ndarray) -> None:
        flat = train.reshape(len(train), -1).astype(np.float64)
        self.mean, self.std = flat.mean(0), flat.std(0)
        z = (flat - self.mean) / self.std
        values, self.vectors = np.linalg.eigh(z.T @ z / len(z))
        self.values = values.clip(0)

    def nats(self, x: np.ndarray, shrinkage: float) -> np.ndarray:
        """-log p of x (n, *event), (n,)."""
        whitened = ((x.reshape(len(x), -1) - self.mean) / self.std) @ self.vectors
        values = (1 - shrinkage) * self.values + shrinkage
        if values.min() <= 0:  # as many examples as dimensions, or fewer: no density
            return np.full(len(x), math.inf)
        constant = np.log(2 * math.pi * values).sum() + 2 * np.log(self.std).sum()
        found: np.ndarray = (constant + (whitened**2 / values).sum(1)) / 2
        return found


def _error(values: np.ndarray) -> float:
    """The standard error of the mean of values (n,)."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))
