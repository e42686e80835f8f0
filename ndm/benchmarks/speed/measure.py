"""A training measured in fresh processes, one thread each on a CPU: images and FLOPs a second, waiting, memory."""

import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from ndm.benchmarks.comparison.machine import machine
from ndm.benchmarks.speed.entries import CASES, Case, make
from ndm.benchmarks.speed.peak import measured, stated, synchronise
from ndm.bounds.bound import bound
from ndm.training.build import make_time_sampler
from ndm.training.monitors.statistics import high_water_mark
from ndm.training.optimizer import make_optimizer

_WARM_UP = 2
Row = dict[str, Any]


@dataclass(frozen=True)
class SpeedJob:
    """One training: what is trained, how, and which repetition it is."""

    case: str
    entry: str
    precision: str
    processes: int
    repeat: int
    steps: int

    @property
    def key(self) -> str:
        """All fields in one line."""
        return f"{self.case} {self.entry} {self.precision} x{self.processes} steps={self.steps} repeat={self.repeat}"


def execute(job: SpeedJob, case: Case | None = None) -> Row:
    """The figures of all its processes together; the time of a step is that of the slowest."""
    case = case or CASES[job.case]
    context = multiprocessing.get_context("forkserver")  # one that is spawned inherits the mark of memory
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(job.processes, context) as pool:
        meeting = (Path(folder) / "meeting").as_uri()
        every = list(
            pool.map(_train, *zip(*((job, case, rank, meeting) for rank in range(job.processes)), strict=True))
        )
    seconds = max(row["step_seconds"] for row in every)
    flops = every[0]["flops_per_image"] * case.batch_size * job.processes
    return every[0] | {
        "step_seconds": seconds,
        "images_per_second": case.batch_size * job.processes / seconds,
        "flops_per_second": flops / seconds,
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
    model: nn.Module = raw
    if job.processes > 1:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", init_method=meeting, rank=rank, world_size=job.processes
        )
        model = DistributedDataParallel(raw)
    optimizer, times = make_optimizer(raw, case.config), make_time_sampler(case.config).to(device)
    batches = case.data().train.batches(case.batch_size, seed=rank)

    def step(number: int) -> float:
        """Train; the seconds until its batch was on the device."""
        began = time.perf_counter()
        x = raw.decoder.from_raw(batches[number].x).to(device)
        waited = time.perf_counter() - began
        with torch.autocast(device.type, torch.bfloat16, enabled=job.precision == "bf16"):
            loss = bound(model, x, None, None, times).total.mean() / x[0].numel()
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
        "peak_measured": measured(device, job.precision),
        "peak_stated": stated(name, job.precision),
    }
