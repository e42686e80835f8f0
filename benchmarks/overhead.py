"""What each transformation costs: time and memory of a step, against F = identity with the same denoiser."""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch

from benchmarks.engine.aggregate import Row
from benchmarks.engine.contenders import network_options
from benchmarks.engine.images import noise_images
from benchmarks.engine.job import Task
from benchmarks.engine.machine import machine
from benchmarks.engine.output import table
from benchmarks.engine.study import Report, Stage, Study
from ndm.autodiff.derivative import with_velocity
from ndm.base.axes import PREDICTORS, TRANSFORMS
from ndm.base.errors import InputError
from ndm.base.progress import ProgressBar
from ndm.base.registry import choose
from ndm.bounds.bound import bound
from ndm.config import Config
from ndm.data import DataSet, load
from ndm.data.batches import batches_of
from ndm.model import NeuralDiffusion
from ndm.recipes import recipe
from ndm.samplers.ancestral import Ancestral
from ndm.training.build import build_model, make_time_sampler
from ndm.training.monitors.statistics import high_water_mark
from ndm.training.optimizer import make_optimizer
from ndm.training.start import prepare_network

_T = 8  # steps of the chain whose training is measured too
_REFERENCE = "identity"
_IF_NAMED = {"compiled"}
_MIB = 2**20
_KINDS = {"training": "", "chain": "chain_", "sampling": "sampling_"}
"""What is timed, and how the names of its figures begin."""
_MORE = {"ms": ".1f", "parameters_ratio": ".2f", "peak_memory_mib": ".0f"}
"""What else is shown, and how."""
_HOW = (
    "Time of a step by that of identity, interleaved: median of {rounds} rounds (quartiles); milliseconds; parameters "
    "by identity's; the most memory of a training step. T = 8: a training step of the chain; sampling: a step of the "
    "ancestral sampler."
)

Step = Callable[[], None]
Seconds = dict[tuple[str, str], list[float]]  # by entry and kind of step, one for each round


@dataclass(frozen=True)
class Case:
    """Data, whose recipe has the denoiser, and the number of examples in a step."""

    data: Callable[[], DataSet]
    batch_size: int


@dataclass(frozen=True)
class CostJob(Task):
    """All entries of one case: they are compared within each round, so that they are measured together."""

    case: str
    rounds: int
    only: tuple[str, ...]


@dataclass(frozen=True)
class Overhead(Study):
    """What each transformation costs: CPU time and memory of a step against F = identity with the same denoiser.

    The entries are measured in turn, A B C A B C ..., on one thread (on a GPU: by its own clock), and compared within
    each round, so that what else the machine does cancels. The entry `compiled`, F = identity with a compiled network
    (ndm train --compile), is measured if it is named: it takes minutes, and a C++ compiler on a CPU.
    """

    plan: ClassVar[dict[str, Case]] = {
        "digits": Case(partial(load, "digits"), 64),
        "cifar10_size": Case(noise_images, 16),
    }

    rounds: int = 20
    """How often every step is timed; one more round, the first, is not counted."""
    only: tuple[str, ...] = ()
    """Only these entries (and identity), e.g. default series_direct."""

    def check(self) -> None:
        if self.rounds < 1:
            raise InputError(f"{self.rounds} rounds", "at least 1")
        for case in self.plan.values() if self.only else ():
            data = case.data()
            configs = entries(recipe(None, data))
            for entry in self.only:
                build_model(choose("entry", entry, configs), data)  # a predictor that is not for its transformation

    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        jobs = [CostJob(name, self.rounds, self.only) for name in self.plan]
        return [Stage("overhead", partial(execute, self.plan), jobs, ("entries", "machine"))]

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        sections = [f"## {row['case']}\n\n{markdown(row['entries'])}" for row in rows["overhead"]]
        return [_HOW.format(rounds=self.rounds), *sections], {}


def markdown(figures: dict[str, Row]) -> str:
    """Ratios of a step's time with their quartiles, and of the number of parameters; memory."""
    lines = []
    for entry, row in figures.items():
        times = [
            f"{row[f'{name}ratio']:.2f} ({' to '.join(f'{each:.2f}' for each in row[f'{name}quartiles'])})"
            for name in _KINDS.values()
        ]
        lines.append([entry, *times, *(f"{row[n]:{form}}" for n, form in _MORE.items())])
    return table("", ["training", f"T = {_T}", "sampling", "ms", "parameters", "MiB"], lines)


def execute(cases: Mapping[str, Case], job: CostJob) -> Row:
    """The figures of each entry of one case, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {"machine": machine(), "entries": measure(cases[job.case], job)}
    finally:
        torch.set_num_threads(threads)


def measure(case: Case, job: CostJob) -> dict[str, Row]:
    """The figures of each entry that fits its data, by name."""
    data, batch_size = case.data(), case.batch_size
    configs = entries(recipe(None, data))
    wanted = {_REFERENCE, *(job.only or configs.keys() - _IF_NAMED)}
    models: dict[str, tuple[Config, NeuralDiffusion, dict[str, Step]]] = {}
    for entry, config in configs.items():
        if entry in wanted:
            try:
                models[entry] = config, *_steps(config, data, batch_size)
            except InputError:  # a predictor that is not for this transformation, or for no name
                if entry in job.only:
                    raise
    seconds: Seconds = {(entry, kind): [] for entry, (_, _, steps) in models.items() for kind in steps}
    memory = {}
    with ProgressBar(f"measuring {job.case}") as bar:
        for i, (entry, (config, _, _)) in enumerate(models.items()):
            memory[entry] = peak_memory_mib(_train_twice, config, data, batch_size)
            bar.update(0.2 * i / len(models), f"memory of {entry}")
        for i in range(job.rounds + 1):
            for entry, (_, _, steps) in models.items():
                for kind, step in steps.items():
                    seconds[entry, kind].append(_seconds(step))
            bar.update(0.2 + 0.8 * (i + 1) / (job.rounds + 1), f"round {i} of {job.rounds}")
    return {
        entry: _figures(entry, seconds, models[_REFERENCE][1], model) | {"peak_memory_mib": memory[entry]}
        for entry, (_, model, _) in models.items()
    }


def entries(config: Config) -> dict[str, Config]:
    """The recipe as it stands, and every transformation with every predictor: transformation[_variant]_predictor."""
    network = network_options(config)
    variants: dict[str, dict[str, dict[str, Any]]] = {
        "scaling": {"pixel": {"basis": "pixel"}, "frequency": {"basis": "frequency"}},
        "residual": {"full": network, "quarter": network | _halved(network)},
    }
    found = {
        _REFERENCE: replace(config, transform="identity", transform_options={}, predictor="direct"),
        "default": config,
    }
    found["compiled"] = replace(found[_REFERENCE], compile=True)
    for transform, predictor in product(TRANSFORMS.names(), PREDICTORS.names()):
        for variant, options in variants.get(transform, {"": {}}).items():
            name = "_".join(filter(None, (transform, variant, predictor)))
            if name != "identity_direct":  # the reference, again
                found[name] = replace(config, transform=transform, transform_options=options, predictor=predictor)
    return found


def _halved(network: dict[str, Any]) -> dict[str, Any]:
    """Half the channels: a quarter of the parameters and of the FLOPs."""
    return {name: network[name] // 2 for name in ("channels", "width") if name in network}


def _steps(config: Config, data: DataSet, batch_size: int) -> tuple[NeuralDiffusion, dict[str, Step]]:
    """A model, and what is timed: a training step of either bound, and a step of the ancestral sampler.

    Steps of the chain have a learned variance, which all predictors have, so that the denoiser is the same.
    """
    model, training = _training(config, data, batch_size)
    _, chain = _training(replace(config, timesteps=_T, reverse_step="learned"), data, batch_size)
    sampler = Ancestral(model, _T)
    z_t = torch.randn(batch_size, *data.event_shape, device=_device())
    s, t = (torch.tensor(k / _T, device=_device()) for k in (_T // 2 - 1, _T // 2))

    @torch.no_grad()
    def sampling() -> None:
        model.eval()
        sampler.step(z_t, s, t, torch.randn_like(z_t), None)

    return model, {"training": training, "chain": chain, "sampling": sampling}


def _training(config: Config, data: DataSet, batch_size: int) -> tuple[NeuralDiffusion, Step]:
    """A model and its training step: the bound, its gradient, the optimiser."""
    torch.manual_seed(0)
    model = build_model(config, data).to(_device())
    prepare_network(model, config)
    optimizer, times = make_optimizer(model, config), make_time_sampler(config).to(_device())
    x = model.decoder.from_raw(batches_of(data.train, batch_size, seed=0)[0].x).to(_device())

    def step() -> None:
        model.train()
        optimizer.zero_grad()
        bound(model, x, None, config.timesteps, times).total.mean().backward()
        optimizer.step()

    return model, step


def _train_twice(config: Config, data: DataSet, batch_size: int) -> None:
    _, step = _training(config, data, batch_size)
    for _ in range(2):  # the optimiser has its state from the first on
        step()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _seconds(step: Step) -> float:
    """CPU time of a step; where there is a GPU, its own time from start to end."""
    if not torch.cuda.is_available():
        began = time.process_time()
        step()
        return time.process_time() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    step()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1000


def _figures(entry: str, seconds: Seconds, reference: NeuralDiffusion, model: NeuralDiffusion) -> dict[str, Any]:
    """Medians and quartiles over the rounds, the first left out, of an entry's time by the reference's."""
    count, own = (sum(p.numel() for p in each.parameters()) for each in (reference, model))
    figures: dict[str, Any] = {"parameters": own, "parameters_ratio": own / count}
    for kind, prefix in _KINDS.items():
        ratios = [a / b for a, b in zip(seconds[entry, kind][1:], seconds[_REFERENCE, kind][1:], strict=True)]
        low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
        figures |= {
            f"{prefix}ratio": median,
            f"{prefix}quartiles": [low, high],
            f"{prefix}ms": 1000 * statistics.median(seconds[entry, kind][1:]),
        }
    return figures


def peak_memory_mib(work: Callable[..., Any], *arguments: Any) -> float:
    """By how many MiB work(*arguments) raises the most memory that a process has had; all of them plain data.

    On a CPU: the resident set's high-water mark less what it was after the imports, those that PyTorch makes at its
    first steps included. On a GPU: `torch.cuda.max_memory_allocated`. The process comes from a fork server, because one
    that is spawned can inherit the mark of the process that spawned it.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
        return pool.submit(_measure, work, arguments).result()


def _measure(work: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    torch.set_num_threads(1)
    _first_steps()
    before = high_water_mark()
    work(*arguments)
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / _MIB
    return (high_water_mark() - before) / _MIB


def _first_steps() -> None:
    weight = torch.ones(1, requires_grad=True)
    _, velocity = with_velocity(lambda t: weight * t + weight, torch.ones(1))
    velocity.sum().backward()
    torch.optim.AdamW([weight]).step()
