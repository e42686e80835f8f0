"""What each transformation costs: time and memory of a step, against F = identity with the same denoiser."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch

from benchmarks.engine.contenders import network_options
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Study, Task
from benchmarks.engine.tables import table
from benchmarks.engine.timing import MIB, Training, device, fresh_processes, noise_images, peak_memory, seconds
from ndm.autodiff.derivative import with_velocity
from ndm.base.axes import PREDICTORS, TRANSFORMS
from ndm.base.errors import InputError
from ndm.base.progress import ProgressBar
from ndm.base.registry import choose
from ndm.config import Config
from ndm.data import DataSet, load
from ndm.recipes import recipe
from ndm.samplers.ancestral import Ancestral
from ndm.training.build import build_model
from ndm.training.monitors.statistics import high_water_mark
from ndm.training.start import new_model, prepare_network

_T = 8  # steps of the chain whose training is measured too
_REFERENCE = "identity"
_IF_NAMED = {"compiled"}
_KINDS = {"training": "", "chain": "chain_", "sampling": "sampling_"}
"""What is timed, and how the names of its figures begin."""
_MORE = {"ms": ".1f", "parameters_ratio": ".2f", "peak_memory_mib": ".0f"}
"""What else is shown, and how."""
_HOW = (
    "Time of a step by that of identity, interleaved: median of {rounds} rounds (quartiles); milliseconds; parameters "
    "by identity's; the most memory of a training step. T = 8: a training step of the chain; sampling: a step of the "
    "ancestral sampler."
)

Steps = dict[str, Callable[[], None]]


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

    The entries are measured in turn, A B C A B C ..., on one thread (on a GPU: until it has done its work), and
    compared within each round, so that what else the machine does cancels. The entry `compiled`, F = identity with a
    compiled network (ndm train --compile), is measured if it is named: it takes minutes, and a C++ compiler on a CPU.
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
    data, steps, memory, parameters = case.data(), dict[str, Steps](), {}, {}
    configs = entries(recipe(None, data))
    wanted = {_REFERENCE, *(job.only or configs.keys() - _IF_NAMED)}
    for entry in (name for name in configs if name in wanted):
        try:
            parameters[entry], steps[entry] = _steps(configs[entry], data, case.batch_size)
        except InputError:  # a predictor that is not for this transformation, or for no name
            if entry in job.only:
                raise
    found = {entry: {kind: list[float]() for kind in _KINDS} for entry in steps}
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    with ProgressBar(f"measuring {job.case}") as bar:
        for i, entry in enumerate(steps):
            memory[entry] = peak_memory_mib(_train_twice, configs[entry], data, case.batch_size)
            bar.update(0.2 * i / len(steps), f"memory of {entry}")
        for i in range(job.rounds + 1):
            for entry, kinds in steps.items():
                for kind, step in kinds.items():
                    found[entry][kind].append(seconds(step, clock))
            bar.update(0.2 + 0.8 * (i + 1) / (job.rounds + 1), f"round {i} of {job.rounds}")
    figures: dict[str, Row] = {}
    for entry, number in parameters.items():
        figures[entry] = {"parameters": number, "parameters_ratio": number / parameters[_REFERENCE]}
        for kind, prefix in _KINDS.items():
            own, reference = (np.array(found[name][kind][1:]) for name in (entry, _REFERENCE))
            low, median, high = np.quantile(own / reference, (0.25, 0.5, 0.75)).tolist()
            figures[entry] |= {f"{prefix}ratio": median, f"{prefix}quartiles": [low, high]}
            figures[entry] |= {f"{prefix}ms": 1000 * float(np.median(own))}
        figures[entry]["peak_memory_mib"] = memory[entry]
    return figures


def entries(config: Config) -> dict[str, Config]:
    """The recipe as it stands, and every transformation with every predictor: transformation[_variant]_predictor."""
    network = network_options(config)
    # Half the channels: a quarter of the parameters and of the FLOPs.
    half = {name: network[name] // 2 for name in ("channels", "width") if name in network}
    variants: dict[str, dict[str, dict[str, Any]]] = {
        "scaling": {"pixel": {"basis": "pixel"}, "frequency": {"basis": "frequency"}},
        "residual": {"full": network, "quarter": network | half},
    }
    reference = replace(config, transform="identity", transform_options={}, predictor="direct")
    found = {_REFERENCE: reference, "default": config, "compiled": replace(reference, compile=True)}
    for transform, predictor in product(TRANSFORMS.names(), PREDICTORS.names()):
        for variant, options in variants.get(transform, {"": {}}).items():
            name = "_".join(filter(None, (transform, variant, predictor)))
            if name != "identity_direct":  # the reference, again
                found[name] = replace(config, transform=transform, transform_options=options, predictor=predictor)
    return found


def _steps(config: Config, data: DataSet, batch_size: int) -> tuple[int, Steps]:
    """The parameters of a model, and what is timed: a training step of either bound, one of the ancestral sampler.

    Steps of the chain have a learned variance, which all predictors have, so that the denoiser is the same.
    """
    training = _training(config, data, batch_size)
    chain = _training(replace(config, timesteps=_T, reverse_step="learned"), data, batch_size)
    model, x, sampler = training.model, training.batch(0), Ancestral(training.model, _T)
    z_t, (s, t) = torch.randn_like(x), (torch.tensor(k / _T, device=device()) for k in (_T // 2 - 1, _T // 2))

    @torch.no_grad()
    def sampling() -> None:
        model.eval()
        sampler.step(z_t, s, t, torch.randn_like(z_t), None)

    timed: Steps = {"training": partial(training.step, x), "chain": partial(chain.step, x), "sampling": sampling}
    return sum(p.numel() for p in model.parameters()), timed


def _training(config: Config, data: DataSet, batch_size: int) -> Training:
    model = new_model(config, data)
    prepare_network(model, config)
    return Training(model, config, data, batch_size)


def _train_twice(config: Config, data: DataSet, batch_size: int) -> None:
    training = _training(config, data, batch_size)
    for number in range(2):  # the optimiser has its state from the first on
        training.step(training.batch(number))


def peak_memory_mib(work: Callable[..., Any], *arguments: Any) -> float:
    """By how many MiB work(*arguments) raises the most memory that a process has had; all of them plain data.

    What PyTorch imports at its first steps is not counted.
    """
    with fresh_processes(1) as pool:
        return pool.submit(_measure, work, arguments).result()


def _measure(work: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    torch.set_num_threads(1)
    weight = torch.ones(1, requires_grad=True)
    _, velocity = with_velocity(lambda t: weight * t + weight, torch.ones(1))
    velocity.sum().backward()
    torch.optim.AdamW([weight]).step()
    before = high_water_mark()
    work(*arguments)
    return peak_memory(before) / MIB
