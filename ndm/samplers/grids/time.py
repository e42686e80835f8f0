"""The grid of equal steps of time."""

from torch import Tensor

from ndm.parts.schedules import Schedule
from ndm.samplers._times import uniform_time
from ndm.samplers.grids.grid import Grid


class UniformTime(Grid):
    """Equal steps of time t."""

    def __call__(self, schedule: Schedule, steps: int) -> Tensor:
        return uniform_time(schedule, steps)
