"""The deterministic sampler by an ODE solver."""

from torch import Tensor

from ndm.base.axes import SOLVERS
from ndm.model import NeuralDiffusion
from ndm.ode.likelihood import carry
from ndm.ode.solvers import Solver, solver_for
from ndm.samplers.sampler import Grid, Sampler


class Ode(Sampler):
    """Solves dz/dt = v(z, t) from z_t to z_s, to the tolerance of the solver; each sample takes the steps it needs.

    Args:
        steps: pieces in which the path is integrated: 1, unless the trajectory is wanted.
        solver: the name of a method, or a `Solver`.
    """

    order = None  # the tolerance says how exact it is

    def __init__(
        self, model: NeuralDiffusion, steps: int = 1, *, grid: str | Grid = "time", solver: str | Solver = "dopri5"
    ) -> None:
        super().__init__(model, steps, grid=grid)
        self.solver: Solver = SOLVERS.resolved(solver, solver_for)

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        return carry(self.model, z_t, cond, self.solver, float(t), float(s))
