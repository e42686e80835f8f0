"""Evaluate a run on held-out data: what is estimated, of which examples, and what is kept of it."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.files import require_writable
from ndm.base.memory import require_memory
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.bounds.importance_weighted import check_draws
from ndm.bounds.units import unit
from ndm.evaluation.conditions import Named, Told, given_what
from ndm.evaluation.estimates import (
    BoundEstimator,
    Estimator,
    ImportanceEstimator,
    TransportEstimator,
    ode_estimator,
)
from ndm.evaluation.subject import Subject, subject
from ndm.evaluation.wasserstein import require_transport
from ndm.runs.run import Run, open_run

_LATENTS = 10  # of a size that are there at once, at least, for each draw of one example
_CHAIN = 100  # steps of the chain whose paths are weighed, where continuous time is evaluated


@dataclass(frozen=True)
class Evaluation:
    """A run, examples, and what is estimated of each; None for what is not. Calling it makes the estimates.

    `cond` is what the model is told of each example: its own condition, or that of `told` for all.
    """

    run: Run
    of: Subject
    x: Tensor
    cond: Tensor | None
    told: Told | None
    checkpoint: Literal["latest", "best"]
    seed: int
    nelbo: Estimator
    importance: Estimator | None
    ode: Estimator | None
    transport: Estimator | None

    def __call__(self, processes: Processes) -> dict[str, Any]:
        """Compute evaluation.json. The numbers do not depend on the number of processes.

        Raises:
            FloatingPointError: for an example whose estimate is not finite.
        """
        run, of, x, cond = self.run, self.of, self.x, self.cond
        began = time.monotonic()
        return {
            "data": of.data.name,
            "source": of.data.source,
            "fingerprint": of.fingerprint,
            "split": of.split,
            "num_examples": len(x),
            "limit": of.limit if len(x) < of.num_of_split else None,
            "columns": of.data.reading.get("columns"),
            **given_what(run, self.told),
            "unit": unit(run),
            "nelbo": self.nelbo(run, x, cond, processes),
            "importance": self.importance and self.importance(run, x, cond, processes),
            "ode": self.ode and self.ode(run, x, cond, processes),
            "transport": self.transport and self.transport(run, x, cond, processes),
            "seconds": time.monotonic() - began,
            "parameters": sum(p.numel() for p in run.model.parameters()),
            "seed": self.seed,
            "checkpoint": "latest" if run.is_latest else self.checkpoint,
            "training": {"seed": run.config["seed"], "weights": run.weights}
            | {key: run.progress[key] for key in ("step", "seconds", "examples")},
        }


def evaluation_of(
    folder: Path,
    checkpoint: Literal["latest", "best"] = "latest",
    *,
    timesteps: int | None = None,
    data: str | None = None,
    data_options: Mapping[str, Any] | None = None,
    split: str | None = None,
    limit: int | None = None,
    label: str | None = None,
    values: Mapping[str, Any] | None = None,
    unconditional: bool = False,
    draws: int = 64,
    importance: int | None = None,
    ode: Mapping[str, Any] | None = None,
    transport: bool = False,
    seed: int = 0,
    allow: Sequence[str] = (),
) -> Evaluation:
    """The evaluation of the run in `folder`, everything checked before anything is computed.

    Args:
        timesteps: T of the bound; None: that of training; 0: continuous time.
        data, data_options, split, limit: what it is evaluated on, as `subject` has it.
        label, values, unconditional: what the model is told of all examples, as `Named` has it; by default of each
            what its data say.
        draws: of (t, z_t) for each example.
        importance: chains of the importance-weighted bound for each example; None: not estimated.
        ode: the settings of `ode_estimator` for the density of the ODE; None: not estimated.
        transport: whether to estimate how the ODE carries noise to data.
        allow: as in `open_run`.

    Raises:
        InputError: for a run that cannot be opened, data that it cannot take, and for what cannot be estimated.
    """
    check_seed(seed)
    run = open_run(folder, checkpoint, allow)
    for place in ("evaluation.json", "evaluations/any"):  # where it may be written
        require_writable(folder / place)
    if importance is not None:
        if importance < 1:
            raise InputError(f"importance = {importance}", "at least 1 draw")
        check_draws(importance)
    for name, number in (("draws", draws), ("importance", importance or 0)):
        require_memory(_LATENTS * 4 * number * math.prod(run.event_shape), f"--{name} {number}", "take fewer")
    named = Named(() if label is None else (label,), values or {}, unconditional).of(run)
    told = named[0] if named else None
    of = subject(run, data, data_options or {}, split, limit, needs_condition=told is None)
    x = run.as_input(of.x)
    cond = run.told(of.data, of.cond) if told is None else told.each(len(x))
    chosen = (run.config["timesteps"] if timesteps is None else timesteps) or None
    return Evaluation(
        run,
        of,
        x,
        cond,
        told,
        checkpoint,
        seed,
        BoundEstimator(chosen, draws, seed),
        None if importance is None else _importance(run, chosen or _CHAIN, importance, seed),
        None if ode is None else ode_estimator(run, **ode, seed=seed),
        _transport(run, of, seed) if transport else None,
    )


def _importance(run: Run, timesteps: int, draws: int, seed: int) -> ImportanceEstimator:
    """Raises `InputError` for a chain that the model has not."""
    run.model.reverse_step.require_chain(timesteps)
    return ImportanceEstimator(timesteps, draws, seed)


def _transport(run: Run, of: Subject, seed: int) -> TransportEstimator:
    require_transport()
    return TransportEstimator(run.as_input(of.others()), seed)
