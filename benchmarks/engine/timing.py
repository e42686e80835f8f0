"""A training step by itself, for studies of what it costs: its time, and its memory in a process that does no more."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ndm.base.noise import BatchSlice
from ndm.config import Config
from ndm.data import DataSet, Split
from ndm.data.batches import batches_of
from ndm.model import NeuralDiffusion
from ndm.training.build import make_time_sampler
from ndm.training.monitors.statistics import high_water_mark
from ndm.training.objective import Objective
from ndm.training.optimizer import make_optimizer

MIB = 2**20


def noise_images(name: str = "random", shape: tuple[int, ...] = (3, 32, 32), number: int = 64) -> DataSet:
    """Images of 256 levels, by default of CIFAR-10's size: noise, which makes no difference to what they cost."""
    split = Split(np.random.default_rng(0).integers(0, 256, (number, *shape), dtype=np.uint8))
    return DataSet(name, split, split, split, num_levels=256, num_classes=0, source="uniform noise")


def device(rank: int = 0) -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")


class Training:
    """A model with what one step of its training needs: the bound, its gradient, the optimiser."""

    def __init__(
        self,
        model: NeuralDiffusion,
        config: Config,
        data: DataSet,
        batch_size: int,
        rank: int = 0,
        wrap: Callable[[nn.Module], nn.Module] = lambda objective: objective,
    ) -> None:
        self.model, self.device = model.to(device(rank)), device(rank)
        self.objective = wrap(Objective(model, make_time_sampler(config).to(self.device), config))
        self.optimizer = make_optimizer(model, config)
        self.generator = torch.Generator(self.device).manual_seed(rank)
        self.batches = batches_of(data.train, batch_size, seed=rank)

    def batch(self, number: int) -> Tensor:
        """The examples of a step, where the model is."""
        return self.model.decoder.from_raw(self.batches[number].x).to(self.device)

    def step(self, x: Tensor) -> None:
        """Train on these examples."""
        self.model.train()
        self.optimizer.zero_grad()
        terms, _ = self.objective(x, None, BatchSlice(0, len(x), len(x)), self.generator)
        (terms.total.mean() / x[0].numel()).backward()
        self.optimizer.step()


def seconds(work: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long the work takes, what it gives a GPU to do included."""
    _synchronise()
    began = clock()
    work()
    _synchronise()
    return clock() - began


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def fresh_processes(number: int) -> ProcessPoolExecutor:
    """New processes from a fork server: one that is spawned can inherit the memory mark of what spawned it."""
    return ProcessPoolExecutor(number, multiprocessing.get_context("forkserver"))


def peak_memory(before: int) -> int:
    """Bytes: on a CPU the resident set's high-water mark less what it was before, on a GPU the most allocated."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else high_water_mark() - before
