"""What a sampler is: one step from z_t to z_s."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from ndm.errors import InputError
from ndm.model import NeuralDiffusion
from ndm.samplers.grids import uniform_time
from ndm.samplers.noise import SampleNoise
from ndm.schedules import Schedule

Grid = Callable[[Schedule, int], Tensor]


class Sampler(ABC):
    """Draws z_1 ~ N(0, I), walks it down a time grid by `step`, and decodes z_0.

    Args:
        model: the model to sample from.
        steps: number of steps of the grid.
        grid: (schedule, steps) -> times from 1 to 0, see `ndm.samplers.grids`.
    """

    def __init__(self, model: NeuralDiffusion, steps: int = 50, *, grid: Grid = uniform_time) -> None:
        self.model, self.steps, self.grid = model, steps, grid
        self.times = grid(model.schedule, steps)

    @abstractmethod
    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        """z_s from z_t (B, *event), for times s < t, each (), and white noise (B, *event)."""

    @torch.no_grad()
    def __call__(self, shape: tuple[int, ...], cond: Tensor | None = None, *, seed: int = 0, first: int = 0,
                 generator: torch.Generator | None = None) -> Tensor:
        """Samples of data, `shape` = (B, *event).

        Sample i depends on the seed and on `first` + i, not on the batch size. A `generator` takes the place of the
        seed: one number is drawn from it.
        """
        if len(shape) < 2 or min(shape) < 1:
            raise InputError(f"samples of shape {tuple(shape)}", "(number, *event), all positive")
        if generator is not None:
            seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        like = next((p for p in self.model.parameters() if p.is_floating_point()), torch.zeros(()))
        noise = SampleNoise(seed, first, shape, like)
        was_training = self.model.training
        self.model.eval()
        try:
            z = noise.normal()
            times = self.times.to(like)
            for t, s in pairwise(times):
                z = self.step(z, s, t, noise.normal(), cond)
            return self.model.decoder.sample(z, self.model.schedule(times[-1]), noise.uniform())
        finally:
            self.model.train(was_training)
