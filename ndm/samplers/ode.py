"""The deterministic sampler by an ODE solver."""

from torch import Tensor

from ndm.model import NeuralDiffusion
from ndm.ode.likelihood import carry
from ndm.ode.solvers import Solver
from ndm.samplers._times import uniform_time
from ndm.samplers.sampler import Grid, Sampler


class Ode(Sampler):
    """Solves dz/dt = v(z, t) from z_t to z_s, to the tolerance of the solver; each sample takes the steps it needs.

    Args:
        steps: pieces in which the path is integrated: 1, unless the trajectory is wanted.
        solver: dopri5 with tolerances of 1e-5 if not given.
    """

    order = None  # the tolerance says how exact it is

    def __init__(
        self, model: NeuralDiffusion, steps: int = 1, *, grid: Grid = uniform_time, solver: Solver | None = None
    ) -> None:
        super().__init__(model, steps, grid=grid)
        self.solver = solver

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        return carry(self.model, z_t, cond, self.solver, float(t), float(s))
