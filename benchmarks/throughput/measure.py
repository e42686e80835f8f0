"""What is trained, and a training measured in fresh processes: images and FLOPs a second, waiting, memory."""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.engine.aggregate import Row
from benchmarks.engine.contenders import network_options
from benchmarks.engine.images import noise_images
from benchmarks.engine.job import Task
from benchmarks.engine.machine import machine
from benchmarks.peers.unets import PEERS, flops, sized
from ndm.base.noise import BatchSlice
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.batches import batches_of
from ndm.model import NeuralDiffusion
from ndm.parts.predictors._network import NetworkPredictor
from ndm.recipes.cifar10 import RECIPE as CIFAR10
from ndm.training.build import build_model, make_time_sampler
from ndm.training.monitors.statistics import high_water_mark
from ndm.training.objective import Objective
from ndm.training.optimizer import make_optimizer

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


@dataclass(frozen=True)
class SpeedJob(Task):
    """One training: what is trained, how, and which repetition it is."""

    case: str
    entry: str
    precision: str
    processes: int
    repeat: int
    steps: int


def execute(cases: Mapping[str, Case], job: SpeedJob) -> Row:
    """The figures of all its processes together; the time of a step is that of the slowest."""
    case, ranks = cases[job.case], range(job.processes)
    context = multiprocessing.get_context("forkserver")  # one that is spawned inherits the mark of memory
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(job.processes, context) as pool:
        meeting = (Path(folder) / "meeting").as_uri()
        every = [task.result() for task in [pool.submit(_train, job, case, rank, meeting) for rank in ranks]]
    seconds = max(row["step_seconds"] for row in every)
    return every[0] | {
        "step_seconds": seconds,
        "images_per_second": case.batch_size * job.processes / seconds,
        "flops_per_second": every[0]["flops_per_image"] * case.batch_size * job.processes / seconds,
        "waiting_share": max(row["waiting_share"] for row in every),
        "memory_mib": max(row["memory_mib"] for row in every),
        "machine": machine(),
    }


def _train(job: SpeedJob, case: Case, rank: int, meeting: str) -> Row:
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    torch.set_num_threads(1)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    before = high_water_mark()
    raw = make(case, job.entry).to(device)
    config = replace(case.config, precision="bf16" if job.precision == "bf16" else "float32")
    model: nn.Module = Objective(raw, make_time_sampler(case.config).to(device), config)
    if job.processes > 1:
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, init_method=meeting, rank=rank, world_size=job.processes)
        model = DistributedDataParallel(model)
    optimizer, generator = make_optimizer(raw, case.config), torch.Generator(device).manual_seed(rank)
    batches = batches_of(case.data().train, case.batch_size, seed=rank)

    def step(number: int) -> float:
        """Train; the seconds until its batch was on the device."""
        began = time.perf_counter()
        x = raw.decoder.from_raw(batches[number].x).to(device)
        waited = time.perf_counter() - began
        terms, _ = model(x, None, BatchSlice(0, len(x), len(x)), generator)
        loss = terms.total.mean() / x[0].numel()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return waited

    with FlopCounterMode(display=False) as counter:
        step(0)
    for number in range(1, _WARM_UP):
        step(number)
    seconds, waited = [], []
    for number in range(job.steps):
        synchronise(device)
        began = time.perf_counter()
        waited.append(step(_WARM_UP + number))
        synchronise(device)
        seconds.append(time.perf_counter() - began)
    if job.processes > 1:
        dist.destroy_process_group()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread a process"
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else high_water_mark() - before
    return {
        "step_seconds": statistics.median(seconds),
        "waiting_share": sum(waited) / sum(seconds),
        "flops_per_image": counter.get_total_flops() / case.batch_size,
        "memory_mib": memory / 2**20,
        "parameters": sum(p.numel() for p in raw.parameters()),
        "device": name,
        "peak_measured": measured_peak(device, job.precision),
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
    seconds = []
    for _ in range(_REPEATS):
        synchronise(device)
        began = time.perf_counter()
        a @ b
        synchronise(device)
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
