"""ndm evaluate"""

import dataclasses
import math
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.files import require_writable
from ndm.base.memory import require_memory
from ndm.base.precision import precision_of
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.base.settings import Options
from ndm.bounds.importance_weighted import check_draws
from ndm.bounds.units import unit
from ndm.cli.arguments import RunFolder
from ndm.cli.notes import say_notes
from ndm.evaluation.estimates import (
    BoundEstimator,
    ImportanceEstimator,
    OdeEstimator,
    TransportEstimator,
)
from ndm.evaluation.kept import keep
from ndm.evaluation.subject import Subject, subject
from ndm.evaluation.wasserstein import require_transport
from ndm.ode.dequantisations import dequantisation_for
from ndm.ode.divergences import divergence_for
from ndm.ode.solvers.names import solver_for
from ndm.runs.run import Run, open_run

_OF_THE_ODE = (
    "divergence",
    "probes",
    "solver",
    "rtol",
    "atol",
    "ode_steps",
    "dequantisation",
    "dequantisation_draws",
    "float64",
)  # settings that say nothing without --ode
_LATENTS = 10  # of a size that are there at once, at least, for each draw of one example
_CHAIN = 100  # steps of the chain whose paths are weighed, where continuous time is evaluated
_MOST_FOR_EXACT = 16  # dimensions, each a backward pass for every evaluation


@dataclass(frozen=True)
class Evaluate:
    """Evaluate the bound of a run on held-out data: a table on screen, and RUN/evaluation.json, or a file of
    RUN/evaluations for anything but the test split of its own data at its own T."""

    run_folder: RunFolder
    """The folder of the run."""
    timesteps: int | None = None
    """T of the discrete bound; by default that of training, where 0 or nothing means continuous time."""
    data: str | None = None
    """Other data than those of the run, a name or a file: all of them, unless --split is given. They are read like the
    run's own, columns by name."""
    data_options: Options = field(default_factory=dict)
    """How other data are read, where that is not as the run's own: columns=[a,b] take the places of its columns."""
    split: str | None = None
    """train, validation, test or all; by default test of the run's own data, and all of others."""
    draws: int = 64
    """Draws of (t, z_t) for each example."""
    limit: int | None = None
    """Evaluate the first so many examples only; recorded in num_examples."""
    checkpoint: Literal["latest", "best"] = "latest"
    """The latest, or the best by validation."""
    seed: int = 0
    """Of the draws, of dequantisation and of probes."""
    importance: int | None = None
    """Evaluate the importance-weighted bound of so many draws as well, for the chain of the T that is evaluated, or
    of 100 steps in continuous time."""
    ode: bool = False
    """Evaluate the density of the model's ODE as well."""
    divergence: str | None = None
    """Of the ODE's Jacobian: exact, hutchinson or gaussian probes; by default exact for up to 16 dimensions."""
    probes: int | None = None
    """Probes for each example, where the trace is not exact; 2 if not given. Their spread is the error of the
    estimate."""
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
    """Draws of it for each example, and for each of its probes where the trace is not exact."""
    float64: bool = False
    """Integrate the ODE in float64."""
    transport: bool = False
    """Evaluate how the ODE carries noise to data as well: energy, displacement and straightness of its paths, and W_2^2
    of samples to the split, beside the exact optimal transport (extra peers)."""

    def run(self) -> int:
        """Evaluate, write, show."""
        with Processes() as processes:
            with processes.agreed():
                run, of, x = self._opened()
                timesteps = (run.config["timesteps"] if self.timesteps is None else self.timesteps) or None
                bound = BoundEstimator(timesteps, self.draws, self.seed)
                importance, ode, paths = self._importance(run, timesteps), self._ode(run), self._transport(run, of)
            say_notes(of.data.name, of.notes)
            began = time.monotonic()
            result = {
                "data": of.data.name,
                "source": of.data.source,
                "fingerprint": of.fingerprint,
                "split": of.split,
                "num_examples": len(x),
                "limit": self.limit if len(x) < of.num_of_split else None,
                "columns": of.data.reading.get("columns"),
                "unit": unit(run),
                "nelbo": bound(run, x, processes),
                "importance": importance and importance(run, x, processes),
                "ode": ode and ode(run, x, processes),
                "transport": paths and paths(run, x, processes),
                "seconds": time.monotonic() - began,
                "parameters": sum(p.numel() for p in run.model.parameters()),
                "seed": self.seed,
                "checkpoint": "latest" if run.is_latest else self.checkpoint,
                "training": {"seed": run.config["seed"], "weights": run.weights}
                | {key: run.progress[key] for key in ("step", "seconds", "examples")},
            }
            path = processes.by_first(lambda: keep(run, result))
        if processes.is_main:
            show(result, str(of), Console())
            if of.remark is not None:
                print(of.remark)
            print(f"written to {path}")
        return 0

    def _opened(self) -> tuple[Run, Subject, Tensor]:
        """The run, what it is evaluated on, and those examples."""
        check_seed(self.seed)
        run = open_run(self.run_folder, self.checkpoint)
        for place in ("evaluation.json", "evaluations/any"):  # where it may be written
            require_writable(self.run_folder / place)
        if self.importance is not None:
            if self.importance < 1:
                raise InputError(f"importance = {self.importance}", "at least 1 draw")
            check_draws(self.importance)
        for name, draws in (("draws", self.draws), ("importance", self.importance or 0)):
            require_memory(_LATENTS * 4 * draws * math.prod(run.event_shape), f"--{name} {draws}", "take fewer")
        of = subject(run, self.data, self.data_options, self.split, self.limit)
        return run, of, run.as_input(of.x)

    def _importance(self, run: Run, timesteps: int | None) -> ImportanceEstimator | None:
        """None if it was not asked for; `InputError` for a chain that the model has not."""
        if self.importance is None:
            return None
        run.model.reverse_step.require_chain(timesteps or _CHAIN)
        return ImportanceEstimator(timesteps or _CHAIN, self.importance, self.seed)

    def _ode(self, run: Run) -> OdeEstimator | None:
        """None if it was not asked for; `InputError` for what cannot be asked, before anything is computed."""
        if not self.ode:
            asked = [
                field.name
                for field in dataclasses.fields(self)
                if field.name in _OF_THE_ODE and getattr(self, field.name) != field.default
            ]
            if asked:
                raise InputError(f"--{asked[0].replace('_', '-')} without --ode", "both", "it is a setting of the ODE")
            return None
        exact = math.prod(run.event_shape) <= _MOST_FOR_EXACT and self.probes is None
        ode = OdeEstimator(
            divergence_for(self.divergence or ("exact" if exact else "hutchinson"), self.probes),
            solver_for(self.solver, self.ode_steps, self.rtol, self.atol),
            dequantisation_for(self.dequantisation, run.model.decoder),
            self.dequantisation_draws,
            torch.float64 if self.float64 else precision_of(run.model, torch.float32),
            self.seed,
        )
        ode.check(run)
        return ode

    def _transport(self, run: Run, of: Subject) -> TransportEstimator | None:
        """None if it was not asked for."""
        if not self.transport:
            return None
        require_transport()
        return TransportEstimator(run.as_input(of.others()), self.seed)


def show(result: dict[str, Any], of: str, console: Console) -> None:
    """The evaluation as a table; `of` says of what it is."""
    terms, unit = result["nelbo"], result["unit"]
    kind = "continuous time" if terms["timesteps"] is None else f"T = {terms['timesteps']}"
    print(f"{of}, {kind}")
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
        print(
            f"importance weights: {weighted['draws']} chains of T = {weighted['timesteps']} for each example, "
            f"{weighted['effective_draws']:.1f} of them effective in the mean"
        )
    if ode is not None:
        drawn = f"; dequantisation: {ode['dequantisation']}" + f", draws: {ode['draws']}" * (ode["draws"] > 1)
        probes = "" if ode["probes"] is None else f" of {ode['probes']} probes"
        evaluations = f"{ode['evaluations']['mean']:.0f} evaluations in the mean, {ode['evaluations']['most']} at most"
        print(
            f"ODE: {ode['trace']} trace{probes}; {ode['solver']}; {evaluations}{drawn}; "
            f"there and back: error {ode['round_trip_error']:.1g}"
        )
        of_noise = ode["standard_error_of_estimate"]
        if of_noise is None:
            print(
                "the noise of its draws and probes is unknown, as there is one of them for each example: give "
                "--dequantisation-draws or --probes of 2 or more"
            )
        elif of_noise > 0:
            print(
                f"its ± is over examples, the noise of draws and probes included, which alone is ± {of_noise:.4f}; "
                "equal examples share theirs"
            )
    paths = result["transport"]
    if paths is not None:
        print(
            f"paths: energy {paths['energy']:.3f}, displacement {paths['displacement']:.3f}, straightness "
            f"{paths['straightness']:.3f}; the exact optimal transport: {paths['optimal']:.3f}\n"
            f"W2² of samples to data {paths['w2']:.4f}, of other examples {paths['floor']:.4f} (squared standard "
            f"deviations of the data; the last three from {paths['paths']} points of each, which makes them large)"
        )
