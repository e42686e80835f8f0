"""Time grids: the times that a sampler visits, from 1 down to 0."""

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.shapes import check_count
from ndm.parts.schedules import Schedule

NO_SIGNAL = 20.0  # gamma
_MOST_STEPS = 1_000_000
_SAME = 1e-6  # of times
_BISECTIONS = 60  # halvings of [0, 1]: past the resolution of float64


def uniform_time(schedule: Schedule, steps: int) -> Tensor:
    """Equal steps of t, (steps + 1,) in float64."""
    check_steps(steps)
    return torch.arange(steps, -1, -1, dtype=torch.float64) / steps


def uniform_gamma(schedule: Schedule, steps: int) -> Tensor:
    """Equal steps of gamma, (steps + 1,) in float64, by bisection of the monotone gamma(t).

    Where gamma exceeds 20 there is no signal to speak of (flow matching: gamma is infinite at t = 1): one step passes
    it.
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


def chain_of(times: Tensor) -> int | None:
    """T, where the times of a grid are k / T, as single precision sees them; None where it is no chain's."""
    steps = len(times) - 1
    equal = torch.arange(steps, -1, -1, dtype=torch.float64) / max(steps, 1)
    return steps if torch.allclose(times.detach().double().cpu(), equal, rtol=0, atol=_SAME) else None


GRIDS = {"time": uniform_time, "gamma": uniform_gamma}


def check_steps(steps: int) -> None:
    """Raise `InputError` for less than one step, and for more than any use has."""
    check_count("steps", steps)
    if not 1 <= steps <= _MOST_STEPS:
        raise InputError(f"{steps} sampling steps", f"at least 1 and at most {_MOST_STEPS}")
