"""Ways to draw samples: every sampler that there is, with every volatility asked for, to a budget or a tolerance."""

import inspect
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Self

import torch
from torch import Tensor

from ndm.base.axes import SAMPLERS
from ndm.model import NeuralDiffusion
from ndm.ode.solvers.adaptive import Adaptive
from ndm.parts.decoders.gaussian import GaussianDecoder
from ndm.parts.schedules import Schedule
from ndm.parts.schedules.linear import LinearSchedule
from ndm.parts.transforms.identity import IdentityTransform
from ndm.samplers._times import uniform_time
from ndm.samplers.sampler import Grid, Sampler

_SAME = 1e-5  # of times


@dataclass(frozen=True)
class Way:
    """A sampler by its file's name and, where it has a volatility, a constant one or the model's own (None)."""

    sampler: str
    eta: float | None = None

    @classmethod
    def named(cls, name: str) -> Self:
        """The way of that name."""
        sampler, _, eta = name.partition(", ")
        return cls(sampler, float(eta.removeprefix("eta = ")) if eta.startswith("eta") else None)

    @property
    def kind(self) -> type[Sampler]:
        """Its class."""
        return SAMPLERS.find(self.sampler)

    @property
    def name(self) -> str:
        """For people."""
        if not _takes(self.kind, "eta"):
            return self.sampler
        return f"{self.sampler}, " + ("own eta" if self.eta is None else f"eta = {self.eta:g}")

    @property
    def is_adaptive(self) -> bool:
        """Whether a tolerance says what it takes, and not the number of steps."""
        return _takes(self.kind, "solver")

    def within(self, evaluations: int, model: NeuralDiffusion, grid: Grid = uniform_time) -> Sampler | None:
        """The sampler of the most steps that takes at most so many evaluations; None where one step takes more."""
        steps = bisect_right(range(1, evaluations + 1), evaluations, key=partial(evaluations_of, self))
        return self.make(model, steps, grid) if steps else None

    def make(self, model: NeuralDiffusion, steps: int, grid: Grid = uniform_time) -> Sampler:
        """The sampler of so many steps."""
        options: dict[str, Any] = {} if self.eta is None else {"eta": self.eta}
        return self.kind(model, steps, grid=grid, **options)

    def to(self, tolerance: float, model: NeuralDiffusion) -> Sampler:
        """The adaptive sampler with this relative and absolute tolerance."""
        return self.kind(model, solver=Adaptive(rtol=tolerance, atol=tolerance))  # type: ignore[call-arg]


@contextmanager
def counted(model: NeuralDiffusion) -> Iterator[list[int]]:
    """Counts the latents that the model's predictor is given meanwhile, a number for each call."""
    made: list[int] = []
    handle = model.predictor.register_forward_hook(lambda predictor, inputs, curve: made.append(len(inputs[0])))
    try:
        yield made
    finally:
        handle.remove()


@cache
def evaluations_of(way: Way, steps: int) -> int:
    """How many evaluations of the network a sample of so many steps takes: counted, on a model that costs nothing."""
    model = NeuralDiffusion(LinearSchedule(), IdentityTransform(), lambda z_t, t, cond: 0 * z_t, GaussianDecoder())
    with counted(model) as made:
        way.make(model, steps)((1, 1))
    return sum(made)


def ways(etas: Sequence[float | None]) -> list[Way]:
    """All samplers, those that have a volatility with each of `etas`."""
    return [
        Way(name, eta) for name, kind in SAMPLERS.every().items() for eta in (etas if _takes(kind, "eta") else (None,))
    ]


def distinct_grids(grids: Mapping[str, Grid], schedule: Schedule, steps: int) -> dict[str, Grid]:
    """The grids by name, each that visits other times than those before it."""
    found: dict[str, tuple[Grid, Tensor]] = {}
    for name, grid in grids.items():
        times = grid(schedule, steps)
        if not any(torch.allclose(times, others, rtol=0, atol=_SAME) for _, others in found.values()):
            found[name] = grid, times
    return {name: grid for name, (grid, _) in found.items()}


def _takes(kind: type[Sampler], option: str) -> bool:
    return option in inspect.signature(kind).parameters
