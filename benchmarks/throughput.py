"""How fast training is: our networks beside others' of the same FLOPs, in either precision, on one process or two."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import torch
import torch.distributed as dist
from pandas import DataFrame
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.engine.contenders import network_options
from benchmarks.engine.machine import machine
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Study, Task
from benchmarks.engine.tables import frame, table
from benchmarks.engine.timing import MIB, Training, device, fresh_processes, noise_images, peak_memory, seconds
from benchmarks.peers.unets import PEERS, flops, sized
from ndm.base.errors import InputError
from ndm.base.registry import choose
from ndm.config import Config
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.parts.predictors._network import NetworkPredictor
from ndm.recipes.cifar10 import RECIPE as CIFAR10
from ndm.training.build import build_model
from ndm.training.monitors.statistics import high_water_mark

_SCALED = ("identity", "series")  # what is trained on two processes too
_LEARNED = ("scaling", "series", "residual")
_WARM_UP, _REPEATS, _LAST = 2, 5, "_channels_last"
# Dense, from the makers' data sheets, an H100 as an SXM module: FLOP/s by a word of the device's name and precision.
_STATED = {
    **{("H100", "bf16"): 989e12, ("H200", "bf16"): 989e12, ("A100", "bf16"): 312e12},
    **{("H100", "float32"): 67e12, ("H200", "float32"): 67e12, ("A100", "float32"): 19.5e12},
}


@dataclass(frozen=True)
class Case:
    """A configuration with F = x, the examples of a step, and data to train on."""

    config: Config
    batch_size: int
    data: Callable[[], DataSet] = noise_images
    peers: bool = True
    """Whether others' networks are brought to the size of this one, which needs two levels."""


_UNET = Config(
    schedule_options={"gamma_min": -13.3, "gamma_max": 5.0},
    transform="identity",
    predictor_options={"network": "unet", "channels": 64, "multipliers": [1, 2], "blocks": 2},
)
CASES = {"unet": Case(_UNET, 16), "cifar10": Case(replace(CIFAR10, transform="identity"), 128, peers=False)}


@dataclass(frozen=True)
class SpeedJob(Task):
    """One training: what is trained, how, and which repetition it is."""

    case: str
    entry: str
    precision: str
    processes: int
    repeat: int
    steps: int


@dataclass(frozen=True)
class Throughput(Study):
    """Images and FLOPs a second of training, against diffusers' and azula's U-Nets at equal FLOPs of an image.

    Everything is trained by the same loop, each in fresh processes of one thread, in turn: A B C A B C ... With a GPU
    the network of the CIFAR-10 recipe is measured too. The same command goes on where it was stopped.
    """

    plan: ClassVar[dict[str, Case]] = CASES

    repeats: int = 3
    """How often each is trained."""
    steps: int = 4
    """Steps that are timed in each training, after two that are not."""
    only: tuple[str, ...] = ()
    """Only these entries, e.g. identity azula."""
    precisions: tuple[str, ...] = ("float32", "bf16")
    """Of float32 and bf16."""

    def check(self) -> None:
        if min(self.repeats, self.steps) < 1:
            raise InputError(f"{self.repeats} repeats of {self.steps} steps", "at least 1 of each")
        for name in self.precisions:
            choose("precision", name, {"float32": None, "bf16": None})
        known = {entry for case in self.plan.values() for entry in entries(case)}
        for entry in self.only:
            choose("entry", entry, dict.fromkeys(known))

    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        """Repetitions come last: what is done is always balanced."""
        has_gpu = torch.cuda.is_available()
        most = min(2, torch.cuda.device_count()) if has_gpu else 2
        jobs = [
            SpeedJob(name, entry, precision, processes, repeat, self.steps)
            for repeat in range(self.repeats)
            for name, case in self.plan.items()
            if case.peers or has_gpu
            for precision in self.precisions
            for entry in entries(case)
            if entry in self.only or not self.only
            for processes in range(1, 1 + (most if entry in _SCALED else 1))
        ]
        told = ("step_seconds", "images_per_second", "machine")
        return [Stage("throughput", partial(execute, self.plan), jobs, told)]

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        return [markdown(frame(rows["throughput"]))], {}


def paths(config: Config) -> dict[str, dict[str, Any]]:
    """What a learned F changes in the configuration: the cheap ones, and the paper's, of the denoiser's own size."""
    return {
        "identity": {},
        "scaling": {"transform": "scaling"},
        "series": {"transform": "series", "transform_options": {"layer": "convolutional"}},
        "residual": {"transform": "residual", "transform_options": network_options(config)},
    }


def entries(case: Case) -> list[str]:
    """Transformations of our network, then others' networks with F = x, in either layout of memory."""
    others = [name + layout for name in PEERS for layout in ("", _LAST)] if case.peers else []
    return [*paths(case.config), *others]


def make(case: Case, entry: str) -> NeuralDiffusion:
    """The model of an entry, its weights from seed 0."""
    torch.manual_seed(0)
    ours = paths(case.config)
    model = build_model(replace(case.config, **ours.get(entry, {})), case.data())
    if entry not in ours:
        assert isinstance(model.predictor, NetworkPredictor)
        network = model.predictor.network
        peer = sized(entry.removesuffix(_LAST), network.event_shape, network.num_outputs, flops(network))
        if entry.endswith(_LAST):
            peer = peer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        model.predictor.network = peer
    return model


def execute(cases: Mapping[str, Case], job: SpeedJob) -> Row:
    """The figures of all its processes together; the time of a step is that of the slowest."""
    case = cases[job.case]
    with tempfile.TemporaryDirectory() as folder, fresh_processes(job.processes) as pool:
        meeting = (Path(folder) / "meeting").as_uri()
        tasks = [pool.submit(_train, job, case, rank, meeting) for rank in range(job.processes)]
        every = [task.result() for task in tasks]
    worst = {name: max(row[name] for row in every) for name in ("step_seconds", "waiting_share", "memory_mib")}
    speed = case.batch_size * job.processes / worst["step_seconds"]
    found = {"images_per_second": speed, "flops_per_second": every[0]["flops_per_image"] * speed}
    return every[0] | worst | found | {"machine": machine()}


def _train(job: SpeedJob, case: Case, rank: int, meeting: str) -> Row:
    torch.set_num_threads(1)
    where = device(rank)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    before = high_water_mark()
    if job.processes > 1:
        backend = "nccl" if where.type == "cuda" else "gloo"
        dist.init_process_group(backend, init_method=meeting, rank=rank, world_size=job.processes)
    config = replace(case.config, precision="bf16" if job.precision == "bf16" else "float32")
    together = {"wrap": DistributedDataParallel} if job.processes > 1 else {}
    training = Training(make(case, job.entry), config, case.data(), case.batch_size, rank, **together)
    whole: list[float] = []
    waited: list[float] = []

    def step(number: int) -> None:
        """Train; note how long its batch was waited for."""
        began = time.perf_counter()
        x = training.batch(number)
        waited.append(time.perf_counter() - began)
        training.step(x)

    with FlopCounterMode(display=False) as counter:
        step(0)
    for number in range(1, _WARM_UP + job.steps):
        whole.append(seconds(partial(step, number)))
    if job.processes > 1:
        dist.destroy_process_group()
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else "CPU, one thread a process"
    return {
        "step_seconds": statistics.median(whole[-job.steps :]),
        "waiting_share": sum(waited[-job.steps :]) / sum(whole[-job.steps :]),
        "flops_per_image": counter.get_total_flops() / case.batch_size,
        "memory_mib": peak_memory(before) / MIB,
        "parameters": sum(p.numel() for p in training.model.parameters()),
        "device": name,
        "peak_measured": measured_peak(where, job.precision),
        "peak_stated": stated_peak(name, job.precision),
    }


def stated_peak(device_name: str, precision: str) -> float | None:
    """The most matrix FLOP/s of the data sheet, where it is known here."""
    return next((peak for (word, kind), peak in _STATED.items() if word in device_name and kind == precision), None)


def measured_peak(device: torch.device, precision: str, size: int | None = None) -> float:
    """The best of a few products of two square matrices, FLOP/s."""
    size = size or (8192 if device.type == "cuda" else 1024)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / min(seconds(lambda: a @ b) for _ in range(_REPEATS))


def ratios(found: DataFrame) -> dict[str, list[float]]:
    """What the targets are about: [median, lowest, highest] over repetitions, by what it is a ratio of."""
    cells, said = {key: cell.set_index("repeat") for key, cell in _cells(found)}, {}
    for (case, entry, precision, processes), own in cells.items():
        where = f"{case}, {precision}"
        alone, identity = (cells.get((case, name, precision, 1)) for name in (entry, "identity"))
        kinds = (name for name in dict.fromkeys(key[1] for key in cells) if name.startswith(tuple(PEERS)))
        peers = {name: cell for name in kinds if (cell := cells.get((case, name, precision, 1))) is not None}
        if entry == "identity" and processes == 1 and peers:
            best = max(peers, key=lambda name: peers[name]["flops_per_second"].median())
            said[f"{where}: FLOP/s of ours over the best peer ({best})"] = _over(own, peers[best], "flops_per_second")
        if processes > 1 and alone is not None:
            what = f"{where}: images/s of {entry} on {processes} processes over one"
            said[what] = _over(own, alone, "images_per_second")
        if processes == 1 and identity is not None and entry in _LEARNED:
            said[f"{where}: time of a step of {entry} over identity's"] = _over(own, identity, "step_seconds")
    return said


def _cells(found: DataFrame) -> Iterable[tuple[Any, DataFrame]]:
    return found.groupby(["case", "entry", "precision", "processes"], sort=False)


def _over(own: DataFrame, other: DataFrame, figure: str) -> list[float]:
    ratio = own[figure] / other[figure]  # within a repetition
    return [ratio.median(), ratio.min(), ratio.max()]


def markdown(found: DataFrame) -> str:
    """The ratios, then every kind of training: medians, the lowest and highest images/s, shares of the peak."""
    spread = [
        [name, f"**{middle:.2f}**", f"{low:.2f} to {high:.2f}"] for name, (middle, low, high) in ratios(found).items()
    ]
    heads = ["entry", "precision", "processes", "images/s", "lowest to highest", "GFLOP an image", "GFLOP/s"]
    heads += ["of measured peak", "of stated peak", "waiting for data", "MiB", "parameters", "device"]
    lines = [_line([str(name) for name in key], cell) for key, cell in _cells(found)]
    return f"{table('ratio', ['median', 'lowest to highest'], spread)}\n\n{table('case', heads, lines)}"


def _line(names: list[str], cell: DataFrame) -> list[str]:
    median, speeds = cell.median(numeric_only=True), cell["images_per_second"]
    stated, of_one = cell["peak_stated"].iloc[0], median["flops_per_second"] / median["processes"]
    return [
        *(*names, f"{median['images_per_second']:.1f}", f"{speeds.min():.1f} to {speeds.max():.1f}"),
        *(f"{median['flops_per_image'] / 1e9:.2f}", f"{median['flops_per_second'] / 1e9:.1f}"),
        *(f"{of_one / median['peak_measured']:.1%}", f"{of_one / stated:.1%}" if pd.notna(stated) else ""),
        *(f"{median['waiting_share']:.2%}", f"{median['memory_mib']:.0f}", f"{median['parameters']:,.0f}"),
        cell["device"].iloc[0],
    ]
