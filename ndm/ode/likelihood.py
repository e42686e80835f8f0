"""The exact log-density of the model's ODE, and maps of data to noise and back along it."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.base.axes import DIVERGENCES, SOLVERS
from ndm.base.errors import InputError
from ndm.base.kinds import checks_arguments
from ndm.base.modes import evaluating, unmixed
from ndm.base.noise import example_noise, noise_owners
from ndm.base.precision import PRECISIONS, check_numbers, in_precision, precision_of
from ndm.base.ranges import check_count
from ndm.base.seeds import check_seed
from ndm.bounds.shared_noise import Mean, mean_over_rows, standard_errors
from ndm.model import NeuralDiffusion
from ndm.ode.dequantisations import Dequantisation, dequantisation_for, without_noise
from ndm.ode.divergences import Divergence, quadratic_forms
from ndm.ode.solvers import Solver, solver_for
from ndm.ode.solvers.solver import NoSolution, State


@dataclass(frozen=True)
class OdeLikelihood:
    """The log-density log p(x) of the ODE per example, in nats; with random dequantisation a lower bound in the mean.

    Equal examples share their noise, so that they are not independent: take `mean` for the mean and its error.
    """

    log_prob: Tensor  # (N,), averaged over draws and probes
    standard_error: Tensor  # (N,) of that average, over repeats; NaN where there is one, 0 where nothing is random
    evaluations: Tensor  # (N,) int64: of the velocity, averaged over paths and rounded up
    dequantisation: str
    draws: int
    divergence: str
    solver: str
    repeats: Tensor  # (R, N): what log_prob averages, R independent estimates of each example
    owners: Tensor | None  # (N,) int64, the same for examples that share their noise; None where nothing is random

    def mean(self) -> Mean:
        """The mean log p(x) with its standard errors, in which equal examples count as one; in nats, float64."""
        return mean_over_rows(self.repeats, self.owners)


@checks_arguments
def log_prob(model: NeuralDiffusion, x: Tensor, divergence: str | Divergence = "exact", **options) -> Tensor:
    """The log-density log p(x) of the model's ODE in nats, (N,); `ode_likelihood` has options and errors."""
    return ode_likelihood(model, x, divergence=divergence, **options).log_prob


@checks_arguments
@torch.no_grad()
@unmixed()
def ode_likelihood(
    model: NeuralDiffusion,
    x: Tensor,
    cond: Tensor | None = None,
    *,
    divergence: str | Divergence = "exact",
    solver: str | Solver = "dopri5",
    dequantisation: str | Dequantisation | None = None,
    draws: int = 1,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    batch_size: int = 2048,
) -> OdeLikelihood:
    """The log-density of data x (N, *event) under the ODE dz/dt = v(z, t) with z_1 ~ N(0, I):

        log p(z_0) = log N(z_1; 0, I) + integral_0^1 div v(z_t, t) dt,       log p(x) = log p(z_0) + log w

    from z_0 at t = 0; `dequantisation` gives z_0 and w. An example's value depends on the seed and on the example, not
    on its neighbours or its place, and not on `torch.autocast`.
    Source: Chen et al., Neural ODEs (2018), https://arxiv.org/abs/1806.07366; Song et al. (2020),
    https://arxiv.org/abs/2011.13456.

    Args:
        divergence: "exact", "hutchinson" (Rademacher probes), "gaussian", or a `Divergence`.
        solver: the name of a method, with tolerances of 1e-5 or 100 steps, or a `Solver`.
        dequantisation: "none", "posterior" (the noise of q(z_0 | x)), "uniform", or a `Dequantisation`; if not given,
            none for real values and posterior for data with levels.
        draws: of the dequantisation, for each probe where the divergence has some.
        dtype: compute in this precision, e.g. torch.float64, on a copy of the model; by default in the model's own.
        batch_size: states in one pass of the network.

    Raises:
        InputError: for what `NeuralDiffusion.checked` refuses, an exact divergence of more than 4096 dimensions,
            tolerances out of reach, and an ODE that blows up.
    """
    model.decoder.check(x)
    if dtype is not None:
        if dtype not in PRECISIONS:
            raise InputError(f"dtype={dtype}", "torch.float32 or torch.float64")
        model = model if precision_of(model, dtype) == dtype else copy.deepcopy(model).to(dtype)
        x = x.to(dtype)
    x = model.checked(x, cond)
    divergence = DIVERGENCES.resolved(divergence)
    solver = SOLVERS.resolved(solver, solver_for)
    dequantisation = dequantisation_for(dequantisation, model.decoder)
    divergence.check(x.shape[1:])
    solver.check(x.dtype)
    dequantisation.check(model.decoder, draws)
    check_seed(seed)
    check_count("batch_size", batch_size, 1)
    # Where z_0 is drawn, each estimate draws its own: a path that probes share would hide that noise from their spread.
    divergences = divergence.apart() * draws if dequantisation.is_drawn else [divergence]
    values, evaluations = [], []
    with evaluating(model):
        for start in range(0, len(x), batch_size):
            chunk = slice(start, start + batch_size)
            noise, found = example_noise(seed, x[chunk]), []
            for one in divergences:
                z_0, log_w = dequantisation(x[chunk], model.decoder, model.schedule(x.new_zeros(())), noise)
                probes = one.probes(noise, z_0)
                log_probs, count = _integrate(model, z_0, None if cond is None else cond[chunk], probes, one, solver)
                found.append(((log_probs + log_w[:, None]).T, count))
            values.append(torch.cat([estimates for estimates, _ in found]))
            evaluations.append(torch.stack([count for _, count in found]))
    repeats, owners = torch.cat(values, 1), owners_of_noise(x, divergence, dequantisation)
    count = torch.cat(evaluations, 1).double().mean(0).ceil().long()
    return OdeLikelihood(
        repeats.mean(0),
        standard_errors(repeats, owners),
        count,
        dequantisation.name,
        draws,
        divergence.name,
        repr(solver),
        repeats,
        owners,
    )


def owners_of_noise(x: Tensor, divergence: Divergence, dequantisation: Dequantisation) -> Tensor | None:
    """Number the distinct examples of x (N, *event): `OdeLikelihood.owners`."""
    return noise_owners(x) if dequantisation.is_drawn or divergence.num_probes is not None else None


def _integrate(
    model: NeuralDiffusion, z_0: Tensor, cond: Tensor | None, probes: Tensor, divergence: Divergence, solver: Solver
) -> tuple[Tensor, Tensor]:
    """Integrate from z_0 to z_1: log p(z_0), (B, estimates), and the number of evaluations, (B,)."""

    def velocity(z: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        return model.predicted_velocity(z, t, None if cond is None else cond[rows])

    with naming(model):
        z_1, change, evaluations = flow(velocity, z_0, probes, divergence, solver, 0.0, 1.0)
    return model.prior(z_1).log_prob(z_1)[:, None] + change, evaluations


def flow(
    velocity: Callable[[Tensor, Tensor, Tensor], Tensor],
    z: Tensor,
    probes: Tensor,
    divergence: Divergence,
    solver: Solver,
    start: float,
    end: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Solve dz/dt = velocity(z, t, rows) for z (B, *event) from `start` to `end`, with the change of log-density:

        log p_start(z_start) = log p_end(z_end) + integral_start^end div velocity dt

    Returns z_end, that integral for each estimate of the divergence, (B, estimates), and the evaluations, (B,).
    """

    def field(t: Tensor, state: State, rows: Tensor) -> State:
        own = probes if len(probes) == 1 else probes[rows]
        v, forms = quadratic_forms(lambda z: velocity(z, t, rows), state[0], own)
        return v, divergence.collect(forms)

    volume = z.new_zeros(len(z), divergence.collect(z.new_zeros(1, probes.shape[1])).shape[1])
    solution = solver(field, (z, volume), start, end)
    z_end, change = solution.state
    return z_end, change, solution.evaluations


@contextlib.contextmanager
def naming(model: NeuralDiffusion) -> Iterator[None]:
    """Name the model in the error of a solver that finds no solution."""
    try:
        yield
    except NoSolution as error:
        parts = ", ".join(type(part).__name__ for part in (model.schedule, model.transform, model.predictor))
        raise NoSolution(f"{error.got} (model: {parts})", error.expected, error.advice) from error


@checks_arguments
@torch.no_grad()
@unmixed()
def encode(model: NeuralDiffusion, x: Tensor, cond: Tensor | None = None, *, solver: str | Solver = "dopri5") -> Tensor:
    """Map data x (N, *event) to z_1 (N, *event) by the ODE, from z_0 = alpha_0 x, x standardised."""
    x = model.checked(x, cond)
    z_0 = without_noise(x, model.decoder, model.schedule(x.new_zeros(())))
    return carry(model, z_0, cond, solver, 0.0, 1.0)


@checks_arguments
@torch.no_grad()
@unmixed()
def decode(
    model: NeuralDiffusion, z_1: Tensor, cond: Tensor | None = None, *, solver: str | Solver = "dopri5"
) -> Tensor:
    """Map z_1 to data, the inverse of `encode`: z_0 / alpha_0 in the units of the data, not rounded to levels."""
    check_numbers(z_1, "latents")
    model.check_condition(cond, len(z_1))
    z_1 = in_precision(model, z_1, "latents")
    z_0 = carry(model, z_1, cond, solver, 1.0, 0.0)
    return model.decoder.destandardise(z_0 / model.schedule(z_1.new_zeros(())).alpha)


@unmixed()
def carry(
    model: NeuralDiffusion, z: Tensor, cond: Tensor | None, solver: str | Solver, start: float, end: float
) -> Tensor:
    """Carry z (B, *event) from the time `start` to `end` by the model's ODE."""

    def field(t: Tensor, state: State, rows: Tensor) -> State:
        return (model.predicted_velocity(state[0], t, None if cond is None else cond[rows]),)

    solver = SOLVERS.resolved(solver, solver_for)
    solver.check(z.dtype)
    with evaluating(model), naming(model):
        return solver(field, (z,), start, end).state[0]
