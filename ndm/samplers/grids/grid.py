"""What a grid is: the times that a sampler visits, from 1 down to 0."""

from abc import ABC, abstractmethod
from typing import Self

from torch import Tensor

from ndm.model import NeuralDiffusion
from ndm.parts.schedules import Schedule


class Grid(ABC):
    """(schedule, steps) -> times. Samplers take any such function; one that is chosen by name is one of these."""

    @classmethod
    def for_model(cls, model: NeuralDiffusion, event_shape: tuple[int, ...]) -> Self:
        """The grid for that model, of events of that shape."""
        return cls()

    @abstractmethod
    def __call__(self, schedule: Schedule, steps: int) -> Tensor:
        """The times, (steps + 1,) in float64."""
