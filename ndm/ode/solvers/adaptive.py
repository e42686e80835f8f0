"""Adaptive Runge-Kutta methods with a step size for each example."""

from functools import cached_property

import torch
from torch import Tensor
from torchdiffeq._impl.odeint import SOLVERS
from torchdiffeq._impl.rk_common import RKAdaptiveStepsizeODESolver

from ndm.base.errors import InputError
from ndm.base.ranges import check_count, check_number
from ndm.base.registry import choose
from ndm.ode.solvers.solver import Field, NoSolution, Solution, Solver, State, blow_up

# The tables of torchdiffeq; its own step control measures the error of a batch as a whole, so that an example's value
# would depend on its neighbours, and a hard one would slow down all.
METHODS = {name: kind for name, kind in SOLVERS.items() if issubclass(kind, RKAdaptiveStepsizeODESolver)}
_SAFETY, _LEAST_FACTOR, _LARGEST_FACTOR = 0.9, 0.2, 10.0
_LEAST_TOLERANCES = {"rtol": 8.0, "atol": 0.005}  # in machine epsilons: less drowns in the rounding of one step
_LEAST_STEP = 1e-10


class Adaptive(Solver):
    """An embedded Runge-Kutta pair with an elementary step control: h <- 0.9 h ratio^(-1/order), ratio the largest of

        rms_i( error_i / (atol + rtol max(|y_i|, |y_i'|)) )

    over the parts of the state. Every example has its time and its step; those that have arrived drop out.
    Source: Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I (1993), section II.4.

    Args:
        method: dopri5, bosh3, dopri8, fehlberg2 or adaptive_heun.
        rtol, atol: relative and absolute error allowed in a step.
        max_steps: steps of one example after which the solver gives up.

    Raises:
        InputError: for unknown methods, and tolerances that are not between 0 and 1.
    """

    def __init__(
        self, method: str = "dopri5", rtol: float = 1e-5, atol: float = 1e-5, *, max_steps: int = 10_000
    ) -> None:
        self.table = choose("adaptive method", method, METHODS)
        for name, value in (("rtol", rtol), ("atol", atol)):
            check_number(name, value, above=0, most=1, advice="1e-5 is usual")
        check_count("max_steps", max_steps, 1)
        self.method, self.rtol, self.atol, self.max_steps = method, rtol, atol, max_steps

    def __repr__(self) -> str:
        return f"{self.method}, rtol {self.rtol:g}, atol {self.atol:g}"

    @cached_property
    def _repeats(self) -> bool:
        """Whether the last stage is the velocity at the end of the step, as for Dormand and Prince's."""
        tableau = self.table.tableau
        return bool(tableau.c_sol[-1] == 0 and torch.equal(tableau.c_sol[:-1], tableau.beta[-1]))

    def check(self, precision: torch.dtype) -> None:
        super().check(precision)
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            least = _LEAST_TOLERANCES[name] * torch.finfo(precision).eps
            if value < least:
                raise InputError(
                    f"{name} = {value:g} in {precision}",
                    f"at least {least:.2g}",
                    "allow a larger error" + ", or compute in float64" * (precision != torch.float64),
                )

    def __call__(self, field: Field, state: State, start: float, end: float) -> Solution:
        self.check(state[0].dtype)
        batch = _Batch(self, field, state, start, end)
        while len(batch.rows):
            batch.step()
        return Solution(batch.solution(), batch.evaluations)


class _Batch:
    """The examples that have not arrived yet, as rows of one matrix (N, n)."""

    def __init__(self, solver: Adaptive, field: Field, state: State, start: float, end: float) -> None:
        self.solver, self.field, self.end = solver, field, end
        self.direction = 1.0 if end >= start else -1.0
        self.shapes = [part.shape[1:] for part in state]
        self.sizes = [shape.numel() for shape in self.shapes]
        self.y = torch.cat([part.flatten(1) for part in state], 1)
        self.final = self.y.clone()
        device = self.y.device
        self.rows = torch.arange(len(self.y), device=device)
        self.evaluations = torch.zeros_like(self.rows)
        self.t = torch.full((len(self.y),), start, dtype=torch.float64, device=device)
        self.steps = 0
        self.velocity = self._evaluate(self.t, self.y)
        self._require_finite(torch.isfinite(self.velocity).all(1))
        self.h = self._first_step()

    def _evaluate(self, t: Tensor, y: Tensor) -> Tensor:
        self.evaluations[self.rows] += 1
        state = tuple(
            part.unflatten(1, shape) if len(shape) else part[:, 0]
            for part, shape in zip(y.split(self.sizes, 1), self.shapes, strict=True)
        )
        velocity = self.field(t.to(y.dtype), state, self.rows)
        return torch.cat([part.reshape(len(y), -1) for part in velocity], 1)

    def _norm(self, errors: Tensor) -> Tensor:
        """The norm of a state: the largest root mean square of its parts, (N,)."""
        return torch.stack([part.square().mean(1) for part in errors.split(self.sizes, 1)]).amax(0).sqrt().double()

    def _first_step(self) -> Tensor:
        """A step whose explicit Euler step changes the state and its velocity by little (Hairer et al., II.4)."""
        scale = self.solver.atol + self.solver.rtol * self.y.abs()
        size, speed = self._norm(self.y / scale), self._norm(self.velocity / scale)
        h = torch.where((size < 1e-5) | (speed < 1e-5), 1e-6, 0.01 * size / speed)
        h = h.clamp(max=abs(self.end - float(self.t[0])) if len(self.t) else 1.0)
        ahead = self.y + (self.direction * h)[:, None].to(self.y) * self.velocity
        change = (self._evaluate(self.t + self.direction * h, ahead) - self.velocity) / scale
        bend = self._norm(change) / h
        largest = torch.maximum(speed, bend)
        order = self.solver.table.order
        second = torch.where(largest > 1e-15, (0.01 / largest) ** (1 / order), (1e-3 * h).clamp(min=1e-6))
        return torch.minimum(100 * h, second).nan_to_num(nan=1e-6)

    def step(self) -> None:
        """One step of every example: taken where its error is allowed, and repeated with a smaller one elsewhere."""
        tableau = self.solver.table.tableau
        left = (self.end - self.t).abs()
        last = self.h >= left
        h = torch.where(last, left, self.h)
        signed = (self.direction * h)[:, None].to(self.y)
        stages = [self.velocity]
        reached = self.y
        for alpha, beta in zip(tableau.alpha.tolist(), tableau.beta, strict=True):
            reached = self.y + signed * _combine(beta, stages)
            stages.append(self._evaluate(self.t + alpha * self.direction * h, reached))
        if not self.solver._repeats:
            reached = self.y + signed * _combine(tableau.c_sol, stages)
        error = signed * _combine(tableau.c_error, stages)
        allowed = self.solver.atol + self.solver.rtol * torch.maximum(self.y.abs(), reached.abs())
        ratio = self._norm(error / allowed)
        taken = (ratio <= 1) & torch.isfinite(reached).all(1)  # False for NaN
        factor = (_SAFETY * ratio ** (-1 / self.solver.table.order)).clamp(_LEAST_FACTOR, _LARGEST_FACTOR)
        factor = torch.where(taken, factor, factor.nan_to_num(nan=_LEAST_FACTOR).clamp(max=1.0))
        self._require_finite(taken | (h > _LEAST_STEP))
        self.steps += 1
        if self.steps > self.solver.max_steps:
            raise NoSolution(
                f"{self.solver.max_steps} steps without arriving (t = {float(self.t[0]):.4g})",
                "an ODE that this tolerance can follow",
                "allow a larger error, or compute in float64",
            )
        velocity = stages[-1] if self.solver._repeats else self._evaluate(self.t + self.direction * h, reached)
        self.y = torch.where(taken[:, None], reached, self.y)
        self.velocity = torch.where(taken[:, None], velocity, self.velocity)
        self.t = torch.where(taken, torch.where(last, self.end, self.t + self.direction * h), self.t)
        self.h = h * factor
        self._let_go(taken & last)

    def _let_go(self, arrived: Tensor) -> None:
        if arrived.any():
            self.final[self.rows[arrived]] = self.y[arrived]
            left = ~arrived
            self.rows, self.y, self.velocity = self.rows[left], self.y[left], self.velocity[left]
            self.t, self.h = self.t[left], self.h[left]

    def _require_finite(self, fine: Tensor) -> None:
        if not fine.all():
            row = int((~fine).nonzero()[0])
            raise blow_up(float(self.t[row]), int(self.rows[row]), "check the model's weights there, or its training")

    def solution(self) -> State:
        """The state of all examples, once all have arrived."""
        parts = self.final.split(self.sizes, 1)
        return tuple(part.reshape(len(part), *shape) for part, shape in zip(parts, self.shapes, strict=True))


def _combine(weights: Tensor, stages: list[Tensor]) -> Tensor:
    """Combine stages, sum_i weights_i stages_i."""
    pairs = [(weight, stage) for weight, stage in zip(weights.tolist(), stages, strict=True) if weight]
    total = pairs[0][0] * pairs[0][1]
    for weight, stage in pairs[1:]:
        total = torch.add(total, stage, alpha=weight)
    return total
