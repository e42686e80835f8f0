"""ndm evaluate"""

import dataclasses
import json
import math
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ndm.commands.arguments import RunFolder
from ndm.commands.estimates import BoundEstimator, ImportanceEstimator, OdeEstimator, TransportEstimator
from ndm.data import DataSet
from ndm.dequantisation import dequantisation_for
from ndm.errors import InputError
from ndm.files import require_writable, write_atomically
from ndm.memory import require_memory
from ndm.precision import precision_of
from ndm.runs import Run, open_run
from ndm.seeds import check_seed
from ndm.solvers.names import solver_for
from ndm.traces import trace_for
from ndm.training.config import Options
from ndm.training.shards import Shards
from ndm.training.units import unit
from ndm.wasserstein import require_transport

_OF_THE_ODE = ("trace", "probes", "solver", "rtol", "atol", "ode_steps", "dequantisation", "dequantisation_draws",
               "float64")  # settings that say nothing without --ode
_LATENTS = 10  # of a size that are there at once, at least, for each draw of one example
_CHAIN = 100  # steps of the chain whose paths are weighed, where continuous time is evaluated
_MOST_FOR_EXACT = 16  # dimensions, each a backward pass for every evaluation


@dataclass(frozen=True)
class Evaluate:
    """Evaluate the bound of a run on held-out data: a table on screen, and RUN/evaluation.json."""

    run_folder: RunFolder
    """The folder of the run."""
    timesteps: int | None = None
    """T of the discrete bound; by default that of training, where 0 or nothing means continuous time."""
    data: str | None = None
    """Other data than those of the run: a name or a file."""
    data_options: Options = field(default_factory=dict)
    """How other data are read; those of the run are read as in training."""
    split: str = "test"
    """train, validation or test."""
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
    trace: str | None = None
    """Of the ODE's Jacobian: exact, hutchinson or gaussian probes; by default exact for up to 16 dimensions."""
    probes: int | None = None
    """Probes for each example, where the trace is not exact; 2 if not given."""
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
    transport: bool = False
    """Evaluate how the ODE carries noise to data as well: energy, displacement and straightness of its paths, and W_2^2
    of samples to the split, beside the exact optimal transport (extra peers)."""

    def run(self) -> int:
        """Evaluate, write, show."""
        path = self.run_folder / "evaluation.json"
        with Shards() as shards:
            with shards.agreed():
                run, data, x = self._opened()
                timesteps = (run.config["timesteps"] if self.timesteps is None else self.timesteps) or None
                bound = BoundEstimator(timesteps, self.draws, self.seed)
                importance, ode, paths = self._importance(timesteps), self._ode(run), self._transport(run, data)
            began = time.monotonic()
            result = {
                "data": data.name, "source": data.source,
                "fingerprint": data.fingerprint(), "split": self.split, "num_examples": len(x),
                "unit": unit(run), "nelbo": bound(run, x, shards),
                "importance": importance and importance(run, x, shards), "ode": ode and ode(run, x, shards),
                "transport": paths and paths(run, x, shards),
                "seconds": time.monotonic() - began,
                "parameters": sum(p.numel() for p in run.model.parameters()), "seed": self.seed,
                "training": {"seed": run.config["seed"]}
                            | {key: run.progress[key] for key in ("step", "seconds", "examples")},
            }
            content = (json.dumps(result, indent=2, allow_nan=False) + "\n").encode()
            shards.by_first(lambda: write_atomically(path, content))
        if shards.is_main:
            show(result, Console())
            print(f"written to {path}")
        return 0

    def _opened(self) -> tuple[Run, DataSet, Tensor]:
        """The run, the data, and the examples of the split."""
        check_seed(self.seed)
        run = open_run(self.run_folder, self.checkpoint)
        require_writable(self.run_folder / "evaluation.json")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit = {self.limit}", "at least 1")
        for name, draws in (("draws", self.draws), ("importance", self.importance or 0)):
            require_memory(_LATENTS * 4 * draws * math.prod(run.event_shape), f"--{name} {draws}", "take fewer")
        data = run.data(self.data, self.data_options)
        return run, data, run.examples(data, self.split, self.limit)

    def _importance(self, timesteps: int | None) -> ImportanceEstimator | None:
        """None if it was not asked for."""
        if self.importance is None:
            return None
        if self.importance < 1:
            raise InputError(f"importance = {self.importance}", "at least 1 draw")
        return ImportanceEstimator(timesteps or _CHAIN, self.importance, self.seed)

    def _ode(self, run: Run) -> OdeEstimator | None:
        """None if it was not asked for; `InputError` for what cannot be asked, before anything is computed."""
        if not self.ode:
            asked = [field.name for field in dataclasses.fields(self)
                     if field.name in _OF_THE_ODE and getattr(self, field.name) != field.default]
            if asked:
                raise InputError(f"--{asked[0].replace('_', '-')} without --ode", "both", "it is a setting of the ODE")
            return None
        exact = math.prod(run.event_shape) <= _MOST_FOR_EXACT and self.probes is None
        ode = OdeEstimator(
            trace_for(self.trace or ("exact" if exact else "hutchinson"), self.probes),
            solver_for(self.solver, self.ode_steps, self.rtol, self.atol),
            dequantisation_for(self.dequantisation, run.model.decoder), self.dequantisation_draws,
            torch.float64 if self.float64 else precision_of(run.model, torch.float32), self.seed)
        ode.check(run)
        return ode

    def _transport(self, run: Run, data: DataSet) -> TransportEstimator | None:
        """None if it was not asked for."""
        if not self.transport:
            return None
        require_transport()
        name = "validation" if self.split == "train" else "train"
        return TransportEstimator(run.examples(data, name)[data.split(name).order()], self.seed)


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
        drawn = f"; dequantisation: {ode['dequantisation']}" + f", draws: {ode['draws']}" * (ode["draws"] > 1)
        probes = "" if ode["probes"] is None else f" of {ode['probes']} probes"
        evaluations = f"{ode['evaluations']['mean']:.0f} evaluations in the mean, {ode['evaluations']['most']} at most"
        print(f"ODE: {ode['trace']} trace{probes}; {ode['solver']}; {evaluations}{drawn}; "
              f"there and back: error {ode['round_trip_error']:.1g}")
        if ode["standard_error_of_estimate"] is not None:
            print(f"its ± is over examples, the noise of {'draws' if ode['draws'] > 1 else 'probes'} included, which "
                  f"alone is ± {ode['standard_error_of_estimate']:.4f}")
    paths = result["transport"]
    if paths is not None:
        print(f"paths: energy {paths['energy']:.3f}, displacement {paths['displacement']:.3f}, straightness "
              f"{paths['straightness']:.3f}; the exact optimal transport: {paths['optimal']:.3f}\n"
              f"W2² of samples to data {paths['w2']:.4f}, of other examples {paths['floor']:.4f} (squared standard "
              f"deviations of the data; the last three from {paths['paths']} points of each, which makes them large)")
