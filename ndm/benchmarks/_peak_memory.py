"""The peak memory of a piece of work, measured in a fresh process that does nothing else."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch

from ndm.autodiff.derivative import with_velocity
from ndm.training.monitors.statistics import high_water_mark

_MIB = 2**20


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
