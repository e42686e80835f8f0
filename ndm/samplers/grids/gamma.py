"""The grid of equal steps of gamma."""

import torch
from torch import Tensor

from ndm.parts.schedules import Schedule
from ndm.samplers._times import NO_SIGNAL, check_steps
from ndm.samplers.grids.grid import Grid

_BISECTIONS = 60  # halvings of [0, 1]: past the resolution of float64


class UniformGamma(Grid):
    """The grid of equal steps of gamma."""

    def __call__(self, schedule: Schedule, steps: int) -> Tensor:
        return uniform_gamma(schedule, steps)


def uniform_gamma(schedule: Schedule, steps: int) -> Tensor:
    """Equal steps of gamma, (steps + 1,) in float64, by bisection of the monotone gamma(t).

    Where gamma exceeds 20 there is hardly any signal (flow matching: gamma is infinite at t = 1): one step crosses
    that part.
    """
    check_steps(steps)
    parameter = next(schedule.parameters(), torch.zeros((), dtype=torch.float64))
    ends = schedule.gamma(torch.tensor([0.0, 1.0]).to(parameter)).detach().double().cpu().clamp(max=NO_SIGNAL)
    targets = ends[1] + (ends[0] - ends[1]) * torch.arange(steps + 1, dtype=torch.float64) / steps
    low, high = torch.zeros_like(targets), torch.ones_like(targets)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = schedule.gamma(middle.to(parameter)).detach().double().cpu() < targets
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    times = (low + high) / 2
    times[0], times[-1] = 1.0, 0.0
    return times
