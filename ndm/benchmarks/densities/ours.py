"""Our contenders: one line of configuration each."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ndm.benchmarks.comparison.execute import NEVER, trained
from ndm.benchmarks.densities.contender import Contender, Fitted
from ndm.bounds.nelbo import nelbo
from ndm.bounds.time_samplers import Importance
from ndm.config import Config
from ndm.data import DataSet
from ndm.ode.likelihood import log_prob
from ndm.ode.solvers.adaptive import Adaptive
from ndm.recipes import recipe
from ndm.samplers.ode import Ode
from ndm.training.trainer import Trainer

_DRAWS = 16  # of the bound, for each example

# Chosen on validation; points of other data have their own recipe.
_RECIPES = {"moons": "plane", "8gaussians": "plane", "pinwheel": "plane", "checkerboard": "plane_edges"}
OURS: dict[str, Callable[[Config], Config]] = {
    "identity": lambda config: replace(config, transform="identity", predictor="direct"),
    "learned": lambda config: replace(config, transform="scaling", predictor="direct"),
}


def configured(name: str, data: DataSet) -> Config:
    """The configuration of that name for this data."""
    return OURS[name](recipe(_RECIPES.get(data.name), data))


@dataclass(frozen=True)
class NeuralDiffusionContender(Contender):
    """One of `OURS`, in continuous time."""

    name: str

    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        return asdict(self._config(data, seconds, seed, rate))

    def _config(self, data: DataSet, seconds: float, seed: int, rate: float) -> Config:
        config = configured(self.name, data)
        return replace(
            config,
            max_seconds=seconds,
            max_steps=None,
            seed=seed,
            threads=1,
            learning_rate=config.learning_rate * rate,
            log_every=NEVER,
            save_every=NEVER,
        )

    def fit(self, data: DataSet, seconds: float, seed: int, rate: float) -> Fitted:
        return FittedNeuralDiffusion(trained(self._config(data, seconds, seed, rate), data))


class FittedNeuralDiffusion(Fitted):
    """The averaged model: its density is that of its ODE."""

    def __init__(self, trainer: Trainer) -> None:
        self.model, self.steps = trainer.ema.model, trainer.step
        self.density = trainer.time_sampler if isinstance(trainer.time_sampler, Importance) else None
        self.solver = Adaptive()
        self.sampler = repr(self.solver)

    def log_prob(self, x: Tensor) -> Tensor:
        return log_prob(self.model, x, solver=self.solver)

    def sample(self, shape: tuple[int, ...], seed: int) -> Tensor:
        return Ode(self.model, solver=self.solver)(shape, seed=seed)

    @property
    def num_parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())

    def bound(self, x: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return nelbo(self.model, x, draws=_DRAWS, density=self.density, generator=generator).total
