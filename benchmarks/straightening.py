"""What the kinetic energy in the objective does to the paths: straighter, cheaper, and still to the data?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from benchmarks.engine.figure import INK, OTHERS, OURS, subplots
from benchmarks.engine.machine import machine
from benchmarks.engine.plan import Block, Case, Trainings, measurements
from benchmarks.engine.quality import training_examples
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Task
from benchmarks.engine.tables import frame, table, text
from benchmarks.engine.training import budgeted, load_once, trained
from ndm.base.noise import sample_noise
from ndm.bounds.nelbo import nelbo
from ndm.config import Config
from ndm.data import DataSet
from ndm.evaluation.figures import png
from ndm.evaluation.wasserstein import require_transport, squared_wasserstein
from ndm.model import NeuralDiffusion
from ndm.ode.likelihood import ode_likelihood
from ndm.ode.transport import transport
from ndm.recipes import recipe
from ndm.samplers.deterministic import Deterministic
from ndm.samplers.ode import Ode

CONTENDERS = {"F = identity": None} | {f"learned F, weight {weight:g}": weight for weight in (0.0, 0.3, 1.0)}
"""The weights of the energy, by what is trained with them."""
NUMBER = 1500  # of paths, samples and held-out points: exact transport is cubic in it
FEW = (2, 4, 8)  # steps of the first-order sampler
_DRAWN, _MOMENTS, _DIGITS = 80, 24, 4  # of the picture: paths, points of a path, decimals
_SHOWN = {
    **{"energy": "energy", "displacement": "displacement", "straightness": "straightness", "optimal": "exact OT"},
    **{"w2": "W2²", "floor": "floor", "excess": "ODE - truth", "nelbo": "NELBO"},
}


@dataclass(frozen=True)
class PathJob(Task):
    """Train a path on `data` for `seconds` of CPU time, with that weight of the energy; None: F = identity."""

    data: str
    kinetic_weight: float | None
    seconds: float
    seed: int


@dataclass(frozen=True)
class Straightening(Trainings):
    """What `--kinetic-weight` does to paths: their energy, length and straightness, and where they end."""

    plan = tuple(
        Case(data, blocks=(Block((None,), tuple(CONTENDERS), seeds=3, seconds=20),)) for data in ("8gaussians", "moons")
    )

    def check(self) -> None:
        super().check()
        require_transport()

    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        trained = measurements(self.cases(), {})
        jobs = [PathJob(job.data, CONTENDERS[job.contender], job.seconds or 0.0, job.seed) for job in trained]
        return [Stage("straightening", execute, jobs, (*_SHOWN, "few", "paths", "machine"))]

    def keep(self, rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
        """The paths of the first seed alone, which is what the picture shows."""
        own = rows["straightening"]
        first = {(row["data"], row["kinetic_weight"]): row["key"] for row in reversed(own)}.values()
        return super().keep({"straightening": [row if row["key"] in first else row | {"paths": []} for row in own]})

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        who, sections, panels = {weight: name for name, weight in CONTENDERS.items()}, [], []
        found = frame(row | {"contender": who[row["kinetic_weight"]]} for row in rows["straightening"])
        names = _SHOWN | {f"few.{steps}": f"W2², {steps} steps" for steps in FEW}
        for data, own in found.groupby("data", sort=False):
            cells = dict(iter(own.groupby("contender", sort=False)))
            lines = [[words, *(text(cell, name) for cell in cells.values())] for name, words in names.items()]
            sections.append(f"## {data}\n\n{table('', cells, lines)}")
            panels.append([(f"{data}, {name}", cell.iloc[0].to_dict()) for name, cell in cells.items()])
        return sections, {"paths.png": picture(panels)}


def configuration(job: PathJob) -> Config:
    """The recipe of the plane on the schedule of flow matching: with F = identity single examples have straight lines.

    The volatility is random, and x^ is plugged into F: the model is asked for its ODE.
    """
    config = replace(recipe("plane", load_once(job.data)), schedule="flow", schedule_options={}, transform="identity")
    config = budgeted(config, job.seconds, None, job.seed)
    if job.kinetic_weight is None:
        return config
    learned = replace(config, transform="series", predictor="plug_in", volatility="random")
    return replace(learned, kinetic_weight=job.kinetic_weight)


def execute(job: PathJob) -> Row:
    """The row of a job, all figures on test."""
    data = load_once(job.data)
    trainer = trained(configuration(job), data)
    return figures(trainer.ema.model, data, job.seed) | {"steps_trained": trainer.step, "machine": machine()}


@torch.no_grad()
def figures(model: NeuralDiffusion, data: DataSet, seed: int) -> Row:
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

    def end(steps: int) -> Tensor:
        return Deterministic(model, steps).trajectory(tuple(x.shape), seed=seed)[-1]

    likelihood = -ode_likelihood(model, x).log_prob.double()
    assert data.log_density is not None
    truth = -torch.from_numpy(data.log_density(data.test.x[:NUMBER]))
    drawn = Ode(model, _MOMENTS).trajectory((_DRAWN, *x.shape[1:]), seed=seed).transpose(0, 1)
    return {
        "energy": float(paths.energy.mean()),
        "displacement": float(paths.displacement.mean()),
        "straightness": float(paths.straightness.mean()),
        "optimal": squared_wasserstein(z_1.flatten(1), alpha * held_out),
        "w2": distance(paths.z_0),
        "floor": squared_wasserstein(floor, held_out),
        "few": {str(steps): distance(end(steps)) for steps in FEW},
        "nelbo": float(nelbo(model, x).total.mean()),
        "ode": float(likelihood.mean()),
        "excess": float((likelihood - truth).mean()),
        "paths": drawn.double().numpy().round(_DIGITS).tolist(),
    }


def picture(panels: Sequence[Sequence[tuple[str, dict[str, Any]]]]) -> bytes:
    """PNG of rows of panels (title, row of a job): every path is a line, its points at equal steps of time."""
    height, width = len(panels), max(map(len, panels))
    figure, axes = subplots(height, width, (3.4 * width, 3.7 * height))
    for line, own in zip(axes, panels, strict=True):
        for axis in line[len(own) :]:
            axis.set_axis_off()
        for axis, (title, found) in zip(line, own, strict=False):
            _draw(axis, np.array(found["paths"]))
            below = f"energy {found['energy']:.2f}, optimal {found['optimal']:.2f}"
            axis.set_title(f"{title}\n{below}", fontsize=10, color=INK)
    return png(figure)


def _draw(axis: Axes, paths: np.ndarray) -> None:
    """Paths (N, times, 2) from noise, the first time, to data, the last."""
    for path in paths:
        axis.plot(*path.T, color="#8a8f98", linewidth=0.7, marker=".", markersize=1.8, markeredgewidth=0, zorder=1)
    for ends, colour, label in ((paths[:, 0], OTHERS, "noise"), (paths[:, -1], OURS, "data")):
        axis.scatter(ends[:, 0], ends[:, 1], s=9, color=colour, label=label, zorder=2, linewidths=0)
    axis.set_aspect("equal")
    axis.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[])
    axis.legend(loc="upper right", fontsize=7, frameon=False, borderpad=0.1)
