"""Paths by which the model's ODE carries noise to data: their energy, displacement and straightness."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.base.axes import SOLVERS
from ndm.base.kinds import checks_arguments
from ndm.base.modes import evaluating, unmixed
from ndm.base.precision import check_numbers, in_precision
from ndm.base.shapes import sum_event
from ndm.model import NeuralDiffusion
from ndm.ode.likelihood import naming
from ndm.ode.solvers import Solver, solver_for
from ndm.ode.solvers.solver import State


@dataclass(frozen=True)
class Transport:
    """Energy and displacement of paths z_t of the ODE, in squared units of the (mostly standardised) latents."""

    z_0: Tensor  # (B, *event) where the paths end
    energy: Tensor  # (B,) integral of |v|^2 dt
    displacement: Tensor  # (B,) |z_1 - z_0|^2

    @property
    def straightness(self) -> Tensor:
        """The distance from a straight path at constant speed, integral |v - (z_1 - z_0)|^2 dt, (B,).

        It is energy - displacement, and 0 for a straight path at constant speed.

        Source: Liu et al., Rectified Flow (2022), https://arxiv.org/abs/2209.03003.
        """
        return self.energy - self.displacement


@checks_arguments
@torch.no_grad()
@unmixed()
def transport(
    model: NeuralDiffusion, z_1: Tensor, cond: Tensor | None = None, *, solver: str | Solver = "dopri5"
) -> Transport:
    """Measure the paths by which the model's ODE carries z_1 (B, *event) to z_0.

    E[energy] >= E[displacement] >= W_2^2(law of z_0, law of z_1), both with equality exactly where the ODE is the
    optimal transport. A low energy says nothing alone: paths that stay where they are have none, and end off the data.

    Args:
        solver: the name of a method, or a `Solver`, as of `ode_likelihood`.

    Raises:
        InputError: for latents that are not finite numbers of the model's precision, and an ODE that blows up.
    """
    check_numbers(z_1, "latents")
    model.check_condition(cond, len(z_1))
    z_1 = in_precision(model, z_1, "latents")

    def field(t: Tensor, state: State, rows: Tensor) -> State:
        v = model.predicted_velocity(state[0], t, None if cond is None else cond[rows])
        return v, sum_event(v**2)[:, None]

    start = z_1, z_1.new_zeros(len(z_1), 1)
    solver = SOLVERS.resolved(solver, solver_for)
    with evaluating(model), naming(model):
        z_0, spent = solver(field, start, 1.0, 0.0).state
    return Transport(z_0, -spent[:, 0], sum_event((z_1 - z_0) ** 2))
