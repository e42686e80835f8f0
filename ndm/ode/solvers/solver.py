"""The interface of a solver: it carries states along a field of velocities, each example independently."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.kinds import Checked
from ndm.base.precision import PRECISIONS

State = tuple[Tensor, ...]  # parts, each (B, *shape), whose errors are weighed apart
Field = Callable[[Tensor, State, Tensor], State]
"""(t (N,), state of N examples, rows (N,)) -> the velocity of the state; rows are the examples' places in the batch."""


class NoSolution(InputError):
    """Raised for an ODE that a solver cannot follow to its end."""


@dataclass(frozen=True)
class Solution:
    """The states at the end, and the number of evaluations."""

    state: State
    evaluations: Tensor  # (B,) int64, of the field, for each example


def blow_up(t: float, row: int, advice: str) -> NoSolution:
    """Make the error for a state or velocity that is not finite, of the example in that row of the batch."""
    return NoSolution(
        f"an ODE that blows up at t = {t:.4g} (example {row} of its batch)", "a velocity that is finite", advice
    )


class Solver(metaclass=Checked):
    """Solves dy/dt = field(t, y) from `start` to `end`, either of which may be the larger.

    The outcome of an example does not depend on the others of its batch.
    """

    def check(self, precision: torch.dtype) -> None:
        """Raise `InputError` for tolerances that cannot be reached in that precision."""
        if precision not in PRECISIONS:
            raise InputError(f"an ODE in {precision}", "float32 or float64")

    @abstractmethod
    def __call__(self, field: Field, state: State, start: float, end: float) -> Solution:
        """Solve for the state at `end` from that at `start`.

        Raises:
            InputError: where the state or its velocity is not finite, or what was asked cannot be reached.
        """
