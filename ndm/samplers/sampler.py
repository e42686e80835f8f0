"""The interface of a sampler: one step from z_t to z_s."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor

from ndm.base.axes import GRIDS
from ndm.base.errors import InputError
from ndm.base.kinds import Checked, a, check_kind
from ndm.base.modes import evaluating, undisturbed
from ndm.base.noise import Noise, check_generator, sample_noise
from ndm.base.seeds import check_seed
from ndm.model import NeuralDiffusion
from ndm.parts.schedules import Schedule
from ndm.samplers._times import SAME, check_steps

Grid = Callable[[Schedule, int], Tensor]  # those that have a name are of the class `ndm.samplers.grids.Grid`


def checked_times(times: object, steps: int) -> Tensor:
    """The times that a grid gave; raises `InputError` unless they are those of so many steps, from 1 down to 0."""
    expected = f"a tensor of {steps + 1} times that fall from 1 to 0"
    if not isinstance(times, Tensor):
        raise InputError(f"a grid that gives {a(times)}", expected)
    if times.shape != (steps + 1,) or not times.is_floating_point():
        raise InputError(f"a grid that gives {times.dtype} of shape {tuple(times.shape)}", expected)
    if not (times.isfinite().all() and (times[1:] < times[:-1]).all()):
        raise InputError("a grid whose times are not finite, or do not fall in every step", expected)
    if abs(float(times[0]) - 1) > SAME or abs(float(times[-1])) > SAME:
        raise InputError(f"a grid from {float(times[0]):g} to {float(times[-1]):g}", expected)
    return times


class Sampler(metaclass=Checked):
    """Draws z_1 ~ N(0, I), takes it down a time grid by `step`, and decodes z_0.

    Args:
        model: the model to sample from.
        steps: number of steps of the grid.
        grid: the times that are visited: time, gamma, optimised, a `Grid`, or any function (schedule, steps) -> times
            from 1 to 0.

    Attributes:
        order: p, where the error of the deterministic process falls like (1 / steps)^p; None where it does not depend
            on the steps.
    """

    order: int | None

    def __init__(self, model: NeuralDiffusion, steps: int = 50, *, grid: str | Grid = "time") -> None:
        check_steps(steps)
        grid = GRIDS.resolved(grid, lambda name: GRIDS.find(name).for_model(model, model.event_shape))
        self.model, self.steps, self.grid = model, steps, grid
        with undisturbed():
            self.times = checked_times(grid(model.schedule, steps), steps)

    @abstractmethod
    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        """Step from z_t (B, *event) to z_s, for times s < t, each (), and white noise (B, *event)."""

    def walk(self, z_1: Tensor, times: Tensor, noise: Noise, cond: Tensor | None) -> Iterator[Tensor]:
        """Yield z at every time of the grid after the first; a sampler that remembers steps overrides it."""
        z = z_1
        for t, s in pairwise(times):
            z = self.step(z, s, t, noise.normal(), cond)
            yield z

    @torch.no_grad()
    @undisturbed()
    def __call__(
        self,
        shape: tuple[int, ...],
        cond: Tensor | None = None,
        *,
        seed: int = 0,
        first: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw samples of data, `shape` = (B, *event).

        Sample i depends on the seed and on `first` + i, not on the batch size. A `generator` takes the place of the
        seed: one number is drawn from it.

        Raises:
            FloatingPointError: for samples that are not finite.
        """
        noise, times = self._start(shape, cond, seed, first, generator)
        for z in self._latents(noise, times, cond):
            z_0 = z  # the others are not kept
        if not torch.isfinite(z_0).all():
            raise FloatingPointError(
                f"samples of {type(self).__name__} in {self.steps} steps are not finite: take "
                "more steps, or another sampler; if none helps, check the model's weights"
            )
        return self.model.decoder.sample(z_0, self.model.schedule(times[-1]), noise.uniform())

    @torch.no_grad()
    @undisturbed()
    def trajectory(
        self,
        shape: tuple[int, ...],
        cond: Tensor | None = None,
        *,
        seed: int = 0,
        first: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the latents z at every time of the grid, (steps + 1, B, *event), of the samples of a call."""
        noise, times = self._start(shape, cond, seed, first, generator)
        return torch.stack(list(self._latents(noise, times, cond)))

    def _start(
        self, shape: tuple[int, ...], cond: Tensor | None, seed: int, first: int, generator: torch.Generator | None
    ) -> tuple[Noise, Tensor]:
        if not isinstance(shape, Sequence):
            raise InputError(f"{a(shape)} for shape", "(number, *event)")
        if not (len(shape) >= 2 and all(isinstance(size, Integral) and int(size) >= 1 for size in shape)):
            raise InputError(f"samples of shape {shape}", "(number, *event), whole numbers, all positive")
        self.model.check_condition(cond, shape[0])
        check_seed(seed)
        check_kind("first", first, int)
        if first < 0:
            raise InputError(f"first = {first}", "the number of a sample, at least 0")
        check_generator(generator)
        if generator is not None:
            seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        like = next((p for p in self.model.parameters() if p.is_floating_point()), torch.zeros(()))
        times = self.times.to(like)
        if not (times[1:] < times[:-1]).all():
            raise InputError(
                f"a grid of {self.steps} steps whose times do not fall, in {like.dtype}",
                "s < t in every step, from 1 down to 0",
                "take fewer steps or another grid",
            )
        return sample_noise(seed, first, shape, like), times

    def _latents(self, noise: Noise, times: Tensor, cond: Tensor | None) -> Iterator[Tensor]:
        with evaluating(self.model):
            z_1 = noise.normal()
            yield z_1
            yield from self.walk(z_1, times, noise, cond)
