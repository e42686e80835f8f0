"""The times of a chain, from 1 to 0 in equal steps: the default grid of samplers."""

import torch
from torch import Tensor

from ndm.base.ranges import check_count
from ndm.parts.schedules import Schedule

NO_SIGNAL = 20.0  # gamma
_MOST_STEPS = 1_000_000
SAME = 1e-6  # of times


def uniform_time(schedule: Schedule, steps: int) -> Tensor:
    """Equal steps of t, (steps + 1,) in float64."""
    check_steps(steps)
    return torch.arange(steps, -1, -1, dtype=torch.float64) / steps


def chain_of(times: Tensor) -> int | None:
    """Return T if the times of a grid are k / T to single precision, else None."""
    steps = len(times) - 1
    equal = torch.arange(steps, -1, -1, dtype=torch.float64) / max(steps, 1)
    return steps if torch.allclose(times.detach().double().cpu(), equal, rtol=0, atol=SAME) else None


def check_steps(steps: int) -> None:
    """Raise `InputError` for less than one step, and for a number beyond any use."""
    check_count("steps", steps, 1, _MOST_STEPS)
