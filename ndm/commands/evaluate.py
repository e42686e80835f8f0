"""ndm evaluate"""

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
from ndm.errors import InputError
from ndm.files import write_atomically
from ndm.likelihood import Estimate, bits_per_dim, nelbo
from ndm.runs import Run, open_run
from ndm.seeds import check_seed
from ndm.training.progress import ProgressBar

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
    """Of the draws."""

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
        began = time.monotonic()
        timesteps = (run.config["timesteps"] if self.timesteps is None else self.timesteps) or None
        estimate = self._estimate(run, x, timesteps)
        result = {
            "data": data.name, "fingerprint": data.fingerprint(), "split": self.split, "num_examples": len(x),
            "unit": "bits/dim" if run.is_image else "nats",
            "nelbo": summary(estimate, run) | {"timesteps": timesteps, "draws": self.draws},
            "ode": None, "seconds": time.monotonic() - began,
            "parameters": sum(p.numel() for p in run.model.parameters()), "seed": self.seed,
            "training": {"seed": run.config["seed"]} | {k: run.progress[k] for k in ("step", "seconds", "examples")},
        }
        path = self.run_folder / "evaluation.json"
        write_atomically(path, (json.dumps(result, indent=2) + "\n").encode())
        show(result, Console())
        print(f"written to {path}")
        return 0

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


def summary(estimate: Estimate, run: Run) -> dict[str, Any]:
    """The means over examples in the run's unit; the standard error of the total is over examples and draws."""
    def convert(nats: Tensor) -> float:
        return float(bits_per_dim(nats, run.event_shape) if run.is_image else nats)

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
    console.print(table)
