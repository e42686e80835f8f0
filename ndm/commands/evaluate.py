"""ndm evaluate"""

import copy
import dataclasses
import json
import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ndm.commands.arguments import RunFolder
from ndm.dequantisation import dequantisation_for
from ndm.errors import InputError
from ndm.files import write_atomically
from ndm.importance import importance_weighted
from ndm.likelihood import Estimate, bits_per_dim, nelbo
from ndm.model import NeuralDiffusion
from ndm.ode_likelihood import decode, encode, ode_likelihood
from ndm.runs import Run, open_run
from ndm.seeds import check_seed
from ndm.solvers import Solver
from ndm.solvers.names import solver_for
from ndm.traces import Trace, trace_for
from ndm.training.progress import ProgressBar

_OF_THE_ODE = ("trace", "probes", "solver", "rtol", "atol", "ode_steps", "dequantisation", "dequantisation_draws",
               "float64")  # settings that say nothing without --ode
_CHAIN = 100  # steps of the chain whose paths are weighed, where continuous time is evaluated
_ODE_CHUNK = 256  # examples that are integrated together
_MOST_FOR_EXACT = 16  # dimensions, each a backward pass for every evaluation
_CHUNK = 64  # examples between two movements of the progress bar


@dataclass(frozen=True)
class Evaluate:
    """Evaluate the bound of a run on held-out data: a table on screen, and RUN/evaluation.json."""

    run_folder: RunFolder
    """The folder of the run."""
    timesteps: int | None = None
    """T of the discrete bound; by default that of training, where 0 or nothing means continuous time."""
    data: str | None = None
    """Other data than those of the run: a name or a file."""
    split: str = "test"
    """train, validation or test."""
    draws: int = 64
    """Draws of (t, z_t) for each example."""
    limit: int | None = None
    """Evaluate the first so many examples only; recorded in num_examples."""
    seed: int = 0
    """Of the draws, of dequantisation and of probes."""
    importance: int | None = None
    """Evaluate the importance-weighted bound of so many draws as well, for the chain of the T that is evaluated, or
    of 100 steps in continuous time."""
    ode: bool = False
    """Evaluate the density of the model's ODE as well."""
    trace: str | None = None
    """Of the ODE's Jacobian: exact, hutchinson or gaussian probes; by default exact for up to 16 dimensions."""
    probes: int | None = None
    """Probes for each example, where the trace is not exact."""
    solver: str = "dopri5"
    """dopri5, bosh3, dopri8, fehlberg2 or adaptive_heun, with tolerances; euler, midpoint, heun2, heun3 or rk4, with a
    number of steps."""
    rtol: float | None = None
    """Relative error allowed in a step of an adaptive solver; 1e-5 if not given."""
    atol: float | None = None
    """Absolute error allowed; 1e-5 if not given."""
    ode_steps: int | None = None
    """Steps of a solver that has a fixed number; 100 if not given."""
    dequantisation: str | None = None
    """Of data with levels: posterior (the noise of q(z_0 | x), the default) or uniform."""
    dequantisation_draws: int = 1
    """Draws of it for each example."""
    float64: bool = False
    """Integrate the ODE in float64."""

    def run(self) -> int:
        """Evaluate, write, show."""
        check_seed(self.seed)
        run = open_run(self.run_folder)
        data = run.data(self.data)
        x = run.examples(data, self.split)
        if self.limit is not None:
            if self.limit < 1:
                raise InputError(f"limit = {self.limit}", "at least 1")
            x = x[: self.limit]
        if self.importance is not None and self.importance < 1:
            raise InputError(f"importance = {self.importance}", "at least 1 draw")
        self._check_ode(run)
        began = time.monotonic()
        timesteps = (run.config["timesteps"] if self.timesteps is None else self.timesteps) or None
        estimate = self._estimate(run, x, timesteps)
        result = {
            "data": data.name, "fingerprint": data.fingerprint(), "split": self.split, "num_examples": len(x),
            "unit": "bits/dim" if run.is_image else "nats",
            "nelbo": summary(estimate, run) | {"timesteps": timesteps, "draws": self.draws},
            "importance": self._importance(run, x, timesteps or _CHAIN), "ode": self._ode(run, x),
            "seconds": time.monotonic() - began,
            "parameters": sum(p.numel() for p in run.model.parameters()), "seed": self.seed,
            "training": {"seed": run.config["seed"]} | {k: run.progress[k] for k in ("step", "seconds", "examples")},
        }
        path = self.run_folder / "evaluation.json"
        write_atomically(path, (json.dumps(result, indent=2) + "\n").encode())
        show(result, Console())
        print(f"written to {path}")
        return 0

    def _importance(self, run: Run, x: Tensor, timesteps: int) -> dict[str, Any] | None:
        """The importance-weighted bound in the run's unit; None if it was not asked for."""
        if self.importance is None:
            return None
        device = next(run.model.parameters()).device
        generator = torch.Generator(device).manual_seed(self.seed)
        parts = []
        with ProgressBar("weighing") as bar:
            for start in range(0, len(x), _CHUNK):
                chunk = x[start : start + _CHUNK].to(device)
                parts.append(importance_weighted(run.model, chunk, timesteps=timesteps, draws=self.importance,
                                                 generator=generator))
                bar.update(min(1.0, (start + _CHUNK) / len(x)), f"{len(x)} examples, {self.importance} chains each")
        nats = torch.cat([part.total for part in parts]).double().cpu()
        return {
            "total": in_unit(nats.mean(), run), "standard_error": _standard_error(nats, run),
            "draws": self.importance, "timesteps": timesteps,
            "effective_draws": float(torch.cat([part.effective_draws for part in parts]).mean()),
        }

    def _check_ode(self, run: Run) -> None:
        """Raise `InputError` for what the ODE cannot be asked, before anything is computed."""
        if not self.ode:
            asked = [field.name for field in dataclasses.fields(self)
                     if field.name in _OF_THE_ODE and getattr(self, field.name) != field.default]
            if asked:
                raise InputError(f"--{asked[0].replace('_', '-')} without --ode", "both", "it is a setting of the ODE")
            return
        self._trace(run)
        self._solver()
        dequantisation_for(self.dequantisation, run.model.decoder)

    def _trace(self, run: Run) -> Trace:
        exact = math.prod(run.event_shape) <= _MOST_FOR_EXACT and self.probes is None
        return trace_for(self.trace or ("exact" if exact else "hutchinson"), self.probes)

    def _solver(self) -> Solver:
        return solver_for(self.solver, self.ode_steps, self.rtol, self.atol)

    def _ode(self, run: Run, x: Tensor) -> dict[str, Any] | None:
        """The density of the ODE in the run's unit, and what it took; None if it was not asked for."""
        if not self.ode:
            return None
        began = time.monotonic()
        model = copy.deepcopy(run.model).double() if self.float64 else run.model
        weight = next(model.parameters())
        trace, solver = self._trace(run), self._solver()
        dequantisation = dequantisation_for(self.dequantisation, run.model.decoder)
        parts = []
        with ProgressBar("integrating") as bar:
            for start in range(0, len(x), _ODE_CHUNK):
                parts.append(ode_likelihood(model, x[start : start + _ODE_CHUNK].to(weight), trace=trace, solver=solver,
                                            dequantisation=dequantisation, draws=self.dequantisation_draws,
                                            seed=self.seed))
                bar.update(min(1.0, (start + _ODE_CHUNK) / len(x)), f"{len(x)} examples")
        nats = -torch.cat([part.log_prob for part in parts]).double().cpu()
        errors = torch.cat([part.standard_error for part in parts]).double().cpu()
        evaluations = torch.cat([part.evaluations for part in parts]).double()
        first = parts[0]
        error = float((errors**2).sum().sqrt()) / len(x)
        return {
            "total": in_unit(nats.mean(), run), "standard_error": _standard_error(nats, run),
            "standard_error_of_estimate": in_unit(error, run) if math.isfinite(error) else None,
            "trace": first.trace, "solver": first.solver, "dequantisation": first.dequantisation,
            "draws": first.draws, "dtype": "float64" if self.float64 else "float32",
            "evaluations": {"mean": float(evaluations.mean()), "most": int(evaluations.max())},
            "round_trip_error": round_trip(model, x[:_ODE_CHUNK].to(weight), solver),
            "seconds": time.monotonic() - began,
        }

    def _estimate(self, run: Run, x: Tensor, timesteps: int | None) -> Estimate:
        device = next(run.model.parameters()).device
        generator = torch.Generator(device).manual_seed(self.seed)
        # The density of t is that of the loss that was trained: for another T it would help little.
        density = run.times if timesteps == run.config["timesteps"] else None
        parts = []
        with ProgressBar("evaluating") as bar:
            for start in range(0, len(x), _CHUNK):
                chunk = x[start : start + _CHUNK].to(device)
                parts.append(nelbo(run.model, chunk, timesteps=timesteps, draws=self.draws, density=density,
                                   generator=generator))
                bar.update(min(1.0, (start + _CHUNK) / len(x)), f"{len(x)} examples, {self.draws} draws each")
        names = ("prior", "diffusion", "reconstruction", "standard_error")
        return Estimate(*(torch.cat([getattr(part, name) for part in parts]).cpu() for name in names))


def _standard_error(nats: Tensor, run: Run) -> float | None:
    """Of the mean over examples, in the run's unit; None for a single one."""
    return in_unit(nats.std() / math.sqrt(len(nats)), run) if len(nats) > 1 else None


def round_trip(model: NeuralDiffusion, x: Tensor, solver: Solver) -> float:
    """The root mean square of decode(encode(x)) - x, in standard deviations of the data."""
    back = decode(model, encode(model, x, solver=solver), solver=solver)
    return float((model.decoder.standardise(back) - model.decoder.standardise(x)).square().mean().sqrt())


def in_unit(nats: Tensor | float, run: Run) -> float:
    """Nats for real values, bits/dim for images."""
    return float(bits_per_dim(nats, run.event_shape) if run.is_image else nats)


def summary(estimate: Estimate, run: Run) -> dict[str, Any]:
    """The means over examples in the run's unit; the standard error of the total is over examples and draws."""
    def convert(nats: Tensor) -> float:
        return in_unit(nats, run)

    number = len(estimate.total)
    spread = estimate.total.std() / math.sqrt(number) if number > 1 else estimate.standard_error[0]
    draws = (estimate.standard_error**2).sum().sqrt() / number
    return {
        "total": convert(estimate.total.mean()), "prior": convert(estimate.prior.mean()),
        "diffusion": convert(estimate.diffusion.mean()), "reconstruction": convert(estimate.reconstruction.mean()),
        "standard_error": convert(spread), "standard_error_of_draws": convert(draws),
    }


def show(result: dict[str, Any], console: Console) -> None:
    """The evaluation as a table."""
    terms, unit = result["nelbo"], result["unit"]
    kind = "continuous time" if terms["timesteps"] is None else f"T = {terms['timesteps']}"
    print(f"{result['data']} {result['split']}, {result['num_examples']} examples, {kind}")
    table = Table("term", unit)
    for name in ("prior", "diffusion", "reconstruction"):
        table.add_row(name, f"{terms[name]:.4f}")
    table.add_section()
    table.add_row("NELBO", f"{terms['total']:.4f} ± {terms['standard_error']:.4f}")
    weighted, ode = result["importance"], result["ode"]
    for name, found in (("importance-weighted", weighted), ("-log p, ODE", ode)):
        if found is not None:
            error = "" if found["standard_error"] is None else f" ± {found['standard_error']:.4f}"
            table.add_row(name, f"{found['total']:.4f}{error}")
    console.print(table)
    if weighted is not None:
        print(f"importance weights: {weighted['draws']} chains of T = {weighted['timesteps']} for each example, "
              f"{weighted['effective_draws']:.1f} of them effective in the mean")
    if ode is not None:
        drawn = "" if ode["dequantisation"] == "none" else f"; {ode['draws']} draws of {ode['dequantisation']}"
        print(f"ODE: {ode['trace']} trace; {ode['solver']}; {ode['evaluations']['mean']:.0f} evaluations in the mean, "
              f"{ode['evaluations']['most']} at most{drawn}; there and back: error {ode['round_trip_error']:.1g}")
