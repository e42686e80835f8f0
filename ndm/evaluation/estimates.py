"""Estimates of a run's model on data, one class each: the NELBO, the importance-weighted bound, the ODE, transport."""

import copy
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ndm.base.noise import sample_noise
from ndm.base.precision import precision_of
from ndm.base.processes import Processes
from ndm.base.seeds import mix
from ndm.bounds.importance_weighted import importance_weighted
from ndm.bounds.nelbo import Estimate, nelbo
from ndm.bounds.shared_noise import Mean, mean_over_rows
from ndm.bounds.units import in_unit
from ndm.evaluation.wasserstein import squared_wasserstein
from ndm.model import NeuralDiffusion
from ndm.ode.dequantisations import Dequantisation, dequantisation_for
from ndm.ode.divergences import Divergence, divergence_for
from ndm.ode.likelihood import decode, encode, ode_likelihood, owners_of_noise
from ndm.ode.solvers import Solver
from ndm.ode.solvers.adaptive import Adaptive
from ndm.ode.solvers.names import solver_for
from ndm.ode.transport import transport
from ndm.runs.run import Run

_CHUNK = 64  # examples that draw from one generator, of which a process has some
_TOGETHER = 256  # examples that are integrated together, at most
_MOST_FOR_EXACT = 16  # dimensions, each a backward pass for every evaluation
_MOST_PATHS = 2000  # the exact transport between two samples is cubic in their size


class Estimator(ABC):
    """An estimate for every example of a split, computed by all processes together; the mean is in the run's unit."""

    @abstractmethod
    def __call__(self, run: Run, x: Tensor, cond: Tensor | None, processes: Processes) -> dict[str, Any]:
        """Compute the entry of evaluation.json, for examples x (N, *event) and their conditions, (N, ...), or None.

        The numbers do not depend on how many processes there are.

        Raises:
            FloatingPointError: for an example whose estimate is not finite.
        """


@dataclass(frozen=True)
class BoundEstimator(Estimator):
    """The NELBO, of T = `timesteps` or in continuous time."""

    timesteps: int | None
    draws: int
    seed: int

    def estimate(self, run: Run, x: Tensor, cond: Tensor | None, processes: Processes) -> Estimate:
        """The bound of each example, in nats."""
        # The density of t is that of the loss that was trained: for another T it would help little.
        density = run.time_sampler if self.timesteps == run.config["timesteps"] else None

        def terms(k: int, chunk: Tensor) -> list[Tensor]:
            chunk = chunk.to(run.device)
            part = nelbo(
                run.model,
                chunk,
                _rows(run, cond, k, _CHUNK),
                timesteps=self.timesteps,
                draws=self.draws,
                density=density,
                generator=_generator(self.seed, k, chunk),
            )
            return [part.prior, part.diffusion, part.reconstruction, part.standard_error]

        status = f"{len(x)} examples, draws of each: {self.draws}"
        return Estimate(*processes.map(terms, x, _CHUNK, "evaluating", status))

    def __call__(self, run: Run, x: Tensor, cond: Tensor | None, processes: Processes) -> dict[str, Any]:
        estimate = self.estimate(run, x, cond, processes)
        draws = float((estimate.standard_error**2).sum().sqrt()) / len(x)
        of_terms = {
            name: in_unit(getattr(estimate, name).mean(), run) for name in ("prior", "diffusion", "reconstruction")
        }
        found = _mean("NELBO", estimate.total, run) | of_terms
        if len(x) == 1:  # no spread over examples: that of the draws is all there is
            found["standard_error"] = in_unit(draws, run)
        return found | {
            "standard_error_of_draws": in_unit(draws, run),
            "timesteps": self.timesteps,
            "draws": self.draws,
        }


@dataclass(frozen=True)
class ImportanceEstimator(Estimator):
    """The importance-weighted bound of `draws` chains of T = `timesteps`."""

    timesteps: int
    draws: int
    seed: int

    def __call__(self, run: Run, x: Tensor, cond: Tensor | None, processes: Processes) -> dict[str, Any]:
        def weighted(k: int, chunk: Tensor) -> list[Tensor]:
            chunk = chunk.to(run.device)
            part = importance_weighted(
                run.model,
                chunk,
                _rows(run, cond, k, _CHUNK),
                timesteps=self.timesteps,
                draws=self.draws,
                generator=_generator(self.seed, k, chunk),
            )
            return [part.total, part.effective_draws]

        total, effective = processes.map(
            weighted, x, _CHUNK, "weighing", f"{len(x)} examples, {self.draws} chains each"
        )
        return _mean("importance-weighted bound", total, run) | {
            "draws": self.draws,
            "timesteps": self.timesteps,
            "effective_draws": float(effective.mean()),
        }


@dataclass(frozen=True)
class OdeEstimator(Estimator):
    """-log p of the ODE, and the error of its round trip from data to noise and back."""

    divergence: Divergence
    solver: Solver
    dequantisation: Dequantisation
    draws: int
    dtype: torch.dtype
    seed: int

    def check(self, run: Run) -> None:
        """Raise `InputError` for an estimate that the run's model cannot give, before anything is computed."""
        self.divergence.check(run.event_shape)
        self.solver.check(self.dtype)
        self.dequantisation.check(run.model.decoder, self.draws)

    def __call__(self, run: Run, x: Tensor, cond: Tensor | None, processes: Processes) -> dict[str, Any]:
        began = time.monotonic()
        model = copy.deepcopy(run.model).to(self.dtype)
        x = x.to(self.dtype)

        size, status = _together(x, processes), f"{len(x)} examples"

        def density(k: int, chunk: Tensor) -> list[Tensor]:
            part = ode_likelihood(
                model,
                chunk.to(run.device),
                _rows(run, cond, k, size),
                divergence=self.divergence,
                solver=self.solver,
                dequantisation=self.dequantisation,
                draws=self.draws,
                seed=self.seed,
            )
            return [part.evaluations, *-part.repeats]

        def way(k: int, chunk: Tensor) -> list[Tensor]:
            return [_there_and_back(model, chunk.to(run.device), _rows(run, cond, k, size), self.solver)]

        evaluations, *repeats = processes.map(density, x, size, "integrating", status)
        (squares,) = processes.map(way, x[:_TOGETHER], size, "there and back", status)
        mean = mean_over_rows(torch.stack(repeats), owners_of_noise(x, self.divergence, self.dequantisation))
        return _mean("ODE's density", torch.stack(repeats).mean(0), run, mean) | {
            "standard_error_of_estimate": _known(mean.standard_error_of_estimate, run),
            "divergence": self.divergence.name,
            "probes": self.divergence.num_probes,
            "solver": repr(self.solver),
            "dequantisation": self.dequantisation.name,
            "draws": self.draws,
            "dtype": str(self.dtype).removeprefix("torch."),
            "evaluations": {"mean": float(evaluations.mean()), "most": int(evaluations.max())},
            "round_trip_error": float(squares.mean().sqrt()),
            "seconds": time.monotonic() - began,
        }


def ode_estimator(
    run: Run,
    *,
    divergence: str | None = None,
    probes: int | None = None,
    solver: str = "dopri5",
    ode_steps: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    dequantisation: str | None = None,
    dequantisation_draws: int = 1,
    float64: bool = False,
    seed: int = 0,
) -> OdeEstimator:
    """The estimator that is named so; the divergence is exact for up to 16 dimensions, unless probes are asked for.

    Raises `InputError` for what cannot be asked of the run's model, before anything is computed.
    """
    exact = math.prod(run.event_shape) <= _MOST_FOR_EXACT and probes is None
    estimator = OdeEstimator(
        divergence_for(divergence or ("exact" if exact else "hutchinson"), probes),
        solver_for(solver, ode_steps, rtol, atol),
        dequantisation_for(dequantisation, run.model.decoder),
        dequantisation_draws,
        torch.float64 if float64 else precision_of(run.model, torch.float32),
        seed,
    )
    estimator.check(run)
    return estimator


@dataclass(frozen=True)
class TransportEstimator(Estimator):
    """The paths by which the ODE carries noise to data, compared with the exact optimal transport.

    All in squared standard deviations of the data. `others` are examples of another split, whose distance from this
    one is the floor of that of samples. Distances of finite samples are larger than those of their laws.
    """

    others: Tensor
    seed: int

    def __call__(self, run: Run, x: Tensor, cond: Tensor | None, processes: Processes) -> dict[str, Any]:
        x, model = x[:_MOST_PATHS], run.model
        cond = None if cond is None else cond[:_MOST_PATHS]
        size = _together(x, processes)

        def paths(k: int, chunk: Tensor) -> list[Tensor]:
            like = chunk.to(run.device)
            z_1 = sample_noise(self.seed, k * size, tuple(like.shape), like).normal()
            found = transport(model, z_1, _rows(run, cond, k, size))
            return [*z_1.flatten(1).T, *found.z_0.flatten(1).T, found.energy, found.displacement, found.straightness]

        *ends, energy, displacement, straightness = processes.map(paths, x, size, "transporting", f"{len(x)} paths")
        z_1, z_0 = torch.stack(ends, 1).chunk(2, 1)
        alpha = float(model.schedule(torch.zeros((), device=run.device)).alpha.detach())
        data, others = (
            model.decoder.standardise(points.to(run.device)).flatten(1).double().cpu()
            for points in (x, self.others[: len(x)])
        )
        return {
            "energy": float(energy.mean()),
            "displacement": float(displacement.mean()),
            "straightness": float(straightness.mean()),
            "energy_standard_error": float(energy.std() / math.sqrt(len(x))) if len(x) > 1 else None,
            "optimal": squared_wasserstein(z_1, alpha * data),
            "w2": squared_wasserstein(z_0 / alpha, data),
            "floor": squared_wasserstein(others, data),
            "paths": len(x),
            "solver": repr(Adaptive()),
            "seed": self.seed,
        }


def _rows(run: Run, cond: Tensor | None, k: int, size: int) -> Tensor | None:
    """The conditions of chunk k of `size` examples, where the model is."""
    return None if cond is None else cond[k * size : (k + 1) * size].to(run.device)


def _there_and_back(model: NeuralDiffusion, x: Tensor, cond: Tensor | None, solver: Solver) -> Tensor:
    """The mean square of decode(encode(x)) - x over an event, in standard deviations of the data, (B,)."""
    back = decode(model, encode(model, x, cond, solver=solver), cond, solver=solver)
    return (model.decoder.standardise(back) - model.decoder.standardise(x)).square().flatten(1).mean(1)


def _together(x: Tensor, processes: Processes) -> int:
    """The size of chunks where noise belongs to the example, so that every process has as much to do."""
    return min(_TOGETHER, math.ceil(len(x) / processes.number))


def _generator(seed: int, k: int, like: Tensor) -> torch.Generator:
    """The random generator of chunk k, the same in whichever process."""
    return torch.Generator(like.device).manual_seed(mix(seed, k))


def _mean(what: str, nats: Tensor, run: Run, mean: Mean | None = None) -> dict[str, float | None]:
    """The mean over examples (N,) and its standard error, if known; noise is independent unless `mean` is given."""
    wrong = (~torch.isfinite(nats)).nonzero()
    if len(wrong):
        raise FloatingPointError(
            f"the {what} is not finite for {len(wrong)} of {len(nats)} examples, "
            f"the first of them example {int(wrong[0])}"
        )
    mean = mean or mean_over_rows(nats[None], None)
    return {"total": in_unit(mean.value, run), "standard_error": _known(mean.standard_error, run)}


def _known(error: Tensor, run: Run) -> float | None:
    """Convert a standard error to the run's unit; None where it is unknown."""
    return in_unit(error, run) if math.isfinite(error) else None
