"""Validation of the averaged weights while training, always with the same draws."""

import math
from pathlib import Path
from typing import Any

import torch

from ndm.bounds.nelbo import nelbo
from ndm.bounds.units import in_unit
from ndm.config import VALIDATION_DRAWS, Config
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.runs import checkpoint
from ndm.training.objective import as_piece

_STATE = ("value", "step", "best", "best_step", "since_best")
_SEED = 0  # of the draws: the same for all runs, so that runs compare too


class Validation:
    """The bound of the first `validation_limit` examples of the validation split, every `validate_every` steps.

    It remembers the best value and its step, and counts those since without a better one. The values are in bits/dim
    for images and in nats for others; of a conditional model they are those given each example's condition.
    """

    def __init__(self, config: Config, data: DataSet) -> None:
        self.config, self.data = config, data
        self.value: float | None = None
        self.step = 0  # of the latest value
        self.best: float | None = None
        self.best_step = 0
        self.since_best = 0

    def measure(self, step: int, model: NeuralDiffusion) -> float:
        """Compute the bound of `model`; raises `FloatingPointError` for one that is not finite."""
        some = self.data.validation.take(slice(self.config.validation_limit))
        x, cond = as_piece(model, some.x, some.cond)
        generator = torch.Generator(x.device).manual_seed(_SEED)
        estimate = nelbo(model, x, cond, timesteps=self.config.timesteps, draws=VALIDATION_DRAWS, generator=generator)
        nats = float(estimate.total.mean())
        if not math.isfinite(nats):
            raise FloatingPointError(f"the bound of validation is not finite at step {step}")
        return in_unit(nats, self.data)

    def take(self, step: int, value: float) -> None:
        """Record the value of a validation."""
        self.value, self.step = value, step
        if self.best is None or value < self.best:
            self.best, self.best_step, self.since_best = value, step, 0
        else:
            self.since_best += 1

    @property
    def exhausted(self) -> bool:
        """Whether `patience` validations in a row were no better than the best."""
        return self.config.patience is not None and self.since_best >= self.config.patience

    @property
    def status(self) -> str:
        """The text for the progress line."""
        return "" if self.value is None else f"  validation {self.value:.3f}, best {self.best:.3f}"

    def is_best(self, step: int) -> bool:
        """Whether the best value is that of `step`."""
        return self.best is not None and step == self.best_step

    def line(self, step: int) -> dict[str, float]:
        """The fields for the line of metrics of `step`."""
        return {} if self.value is None or step != self.step else {"validation": self.value}

    def mark(self, run: Path) -> None:
        """Link the best checkpoint, once it is there."""
        if self.best is not None:
            checkpoint.mark_best(run, self.best_step)

    def state(self) -> dict[str, Any]:
        """The state that a resumed run needs to go on like an unbroken one."""
        return {name: getattr(self, name) for name in _STATE}

    def load(self, state: dict[str, Any]) -> None:
        """Load a saved state."""
        for name in _STATE:
            setattr(self, name, state[name])
