"""The interface of a grid: the times that a sampler visits, from 1 down to 0."""

from abc import abstractmethod
from typing import Self

from torch import Tensor

from ndm.base.kinds import Checked
from ndm.model import NeuralDiffusion
from ndm.parts.schedules import Schedule


class Grid(metaclass=Checked):
    """A grid of times, (schedule, steps) -> times. Samplers take any such function; named grids are of this class."""

    @classmethod
    def for_model(cls, model: NeuralDiffusion, event_shape: tuple[int, ...] | None) -> Self:
        """Make the grid for that model, with events of that shape; None where the model has no shape."""
        return cls()

    @abstractmethod
    def __call__(self, schedule: Schedule, steps: int) -> Tensor:
        """Return the times, (steps + 1,) in float64."""
