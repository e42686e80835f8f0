"""Runge-Kutta methods with a given number of equal steps."""

import torch
from torch import Tensor
from torchdiffeq import odeint
from torchdiffeq._impl.odeint import SOLVERS
from torchdiffeq._impl.solvers import FixedGridODESolver

from ndm.base.ranges import check_count
from ndm.base.registry import choose
from ndm.ode.solvers.solver import Field, Solution, Solver, State, blow_up

METHODS = {name: kind for name, kind in SOLVERS.items() if issubclass(kind, FixedGridODESolver) and "adams" not in name}
_MOST_STEPS = 1_000_000


class Fixed(Solver):
    """A method of torchdiffeq on a uniform grid: euler, midpoint, heun2, heun3 or rk4.

    Args:
        steps: the number of steps.
        method: the name of the method.

    Raises:
        InputError: for unknown methods and fewer than 1 step.
    """

    def __init__(self, steps: int = 100, method: str = "rk4") -> None:
        check_count("steps", steps, 1, _MOST_STEPS)
        choose("method of fixed steps", method, METHODS)
        self.steps, self.method = steps, method

    def __repr__(self) -> str:
        return f"{self.method}, {self.steps} steps"

    def __call__(self, field: Field, state: State, start: float, end: float) -> Solution:
        self.check(state[0].dtype)
        rows = torch.arange(len(state[0]), device=state[0].device)
        evaluations = 0

        def velocity(t: Tensor, state: State) -> State:
            nonlocal evaluations
            evaluations += 1
            velocities = field(t.to(state[0]).expand(len(rows)), state, rows)
            _require_finite(velocities, float(t))
            return velocities

        times = torch.linspace(start, end, self.steps + 1, dtype=torch.float64, device=state[0].device)
        path = odeint(
            velocity, state, times[[0, -1]], method=self.method, options={"grid_constructor": lambda *_: times}
        )
        final = tuple(part[-1] for part in path)
        _require_finite(final, end)
        return Solution(final, torch.full_like(rows, evaluations))


def _require_finite(state: State, t: float) -> None:
    for part in state:
        finite = torch.isfinite(part).reshape(len(part), -1).all(1)
        if not finite.all():
            raise blow_up(t, int((~finite).nonzero()[0]), "take more steps, or an adaptive method")
