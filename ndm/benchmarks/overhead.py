"""What each transformation costs: time and memory of a step, against F = identity with the same denoiser."""

import json
import shlex
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from ndm.base.axes import PREDICTORS, TRANSFORMS
from ndm.base.errors import InputError
from ndm.base.files import require_writable, write_atomically
from ndm.base.progress import ProgressBar
from ndm.base.registry import choose
from ndm.benchmarks._peak_memory import peak_memory_mib
from ndm.benchmarks.comparison.contenders import network_options
from ndm.benchmarks.comparison.machine import machine
from ndm.bounds.bound import bound
from ndm.config import Config
from ndm.data import DataSet, Split, load
from ndm.model import NeuralDiffusion
from ndm.recipes import recipe
from ndm.samplers.ancestral import Ancestral
from ndm.training.build import build_model, make_time_sampler
from ndm.training.optimizer import make_optimizer
from ndm.training.start import prepare_network

_T = 8  # steps of the chain whose training is measured too
_REFERENCE = "identity"
_IF_NAMED = {"compiled"}

Step = Callable[[], None]
Seconds = dict[tuple[str, str], list[float]]  # by entry and kind of step, one for each round


@dataclass(frozen=True)
class Overhead:
    """What each transformation costs: CPU time and memory of a step against F = identity with the same denoiser.

    The entries are measured in turn, A B C A B C ..., on one thread (on a GPU: by its own clock), and compared within
    each round, so that what else the machine does cancels. The entry `compiled`, F = identity with a compiled network
    (ndm train --compile), is measured if it is named: it takes minutes, and a C++ compiler on a CPU.
    """

    out: Path = Path("overhead.json")
    """Where the result goes."""
    rounds: int = 20
    """How often every step is timed; one more round, the first, is not counted."""
    only: tuple[str, ...] = ()
    """Only these entries (and identity), e.g. default time_basis_direct."""

    def run(self) -> int:
        """Measure, write, show."""
        run(self.out, self.rounds, self.only, CASES)
        return 0


@dataclass(frozen=True)
class Case:
    """Data, whose recipe has the denoiser, and the number of examples in a step."""

    data: Callable[[], DataSet]
    batch_size: int


def random_images() -> DataSet:
    """Images of the size of CIFAR-10's; what they show makes no difference to the cost."""
    split = Split(np.random.default_rng(0).integers(0, 256, (64, 3, 32, 32), dtype=np.uint8))
    return DataSet("random", split, split, split, num_levels=256, num_classes=0, source="uniform noise")


CASES = {"digits": Case(partial(load, "digits"), 64), "cifar10_size": Case(random_images, 16)}


def run(out: Path, rounds: int = 20, only: Sequence[str] = (), cases: dict[str, Case] = CASES) -> dict[str, Any]:
    """Measure every entry of every case, write the result to `out` as JSON, show a table; returns the result."""
    if rounds < 1:
        raise InputError(f"{rounds} rounds", "at least 1")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}", "a file in a folder that exists", f"make {out.parent} first")
    require_writable(out)
    command = ["ndm", "benchmark", "overhead", "--out", str(out), "--rounds", str(rounds)]
    result: dict[str, Any] = {"machine": machine(), "command": shlex.join(command + ["--only", *only] * bool(only))}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name, case in cases.items():
            result[name] = measure(name, case, rounds, only)
            _show(name, result[name])
    finally:
        torch.set_num_threads(threads)
    result["default"] = result[next(iter(cases))].get("default")
    write_atomically(out, (json.dumps(result, indent=1) + "\n").encode())
    print(f"written to {out}")
    return result


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


def measure(name: str, case: Case, rounds: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """The figures of each entry of one case."""
    data, batch_size = case.data(), case.batch_size
    configs = entries(recipe(None, data))
    for entry in only:
        choose("entry", entry, configs)
    wanted = {_REFERENCE, *(only or configs.keys() - _IF_NAMED)}
    models: dict[str, tuple[Config, NeuralDiffusion, dict[str, Step]]] = {}
    for entry, config in configs.items():
        if entry in wanted:
            try:
                models[entry] = config, *_steps(config, data, batch_size)
            except InputError:  # a predictor that is not for this transformation, or for no name
                if entry in only:
                    raise
    seconds: Seconds = {(entry, kind): [] for entry, (_, _, steps) in models.items() for kind in steps}
    memory = {}
    with ProgressBar(f"measuring {name}") as bar:
        for i, (entry, (config, _, _)) in enumerate(models.items()):
            memory[entry] = peak_memory_mib(_train_twice, config, data, batch_size)
            bar.update(0.2 * i / len(models), f"memory of {entry}")
        for i in range(rounds + 1):
            for entry, (_, _, steps) in models.items():
                for kind, step in steps.items():
                    seconds[entry, kind].append(_seconds(step))
            bar.update(0.2 + 0.8 * (i + 1) / (rounds + 1), f"round {i} of {rounds}")
    return {
        entry: _figures(entry, seconds, models[_REFERENCE][1], model) | {"peak_memory_mib": memory[entry]}
        for entry, (_, model, _) in models.items()
    }


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
    x = model.decoder.from_raw(data.train.batches(batch_size, seed=0)[0].x).to(_device())

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
    for kind, prefix in (("training", ""), ("chain", "chain_"), ("sampling", "sampling_")):
        ratios = [a / b for a, b in zip(seconds[entry, kind][1:], seconds[_REFERENCE, kind][1:], strict=True)]
        low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
        figures |= {
            f"{prefix}ratio": median,
            f"{prefix}quartiles": [low, high],
            f"{prefix}ms": 1000 * statistics.median(seconds[entry, kind][1:]),
        }
    return figures


def _show(name: str, figures: dict[str, dict[str, Any]]) -> None:
    """Ratios of a step's time, with the quartiles of the first, and of the number of parameters; memory."""
    table = Table(
        Column(name, no_wrap=True), Column("training", no_wrap=True), f"T = {_T}", "sample", "params", "MiB", box=SIMPLE
    )
    for entry, row in figures.items():
        low, high = row["quartiles"]
        table.add_row(
            entry,
            f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})",
            f"{row['chain_ratio']:.2f}",
            f"{row['sampling_ratio']:.2f}",
            f"{row['parameters_ratio']:.2f}",
            f"{row['peak_memory_mib']:.0f}",
        )
    Console().print(table)
