"""What contends: our two models, the peers, and the only place where they have names."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine.training import budgeted, trained
from benchmarks.peers.flow_matching import FlowMatching
from benchmarks.peers.nsf import NeuralSplineFlow
from benchmarks.peers.peer import Contender, Fitted, plane_recipe
from ndm.bounds.nelbo import nelbo
from ndm.bounds.time_samplers import Importance
from ndm.config import Config
from ndm.data import DataSet
from ndm.ode.likelihood import log_prob
from ndm.ode.solvers.adaptive import Adaptive
from ndm.samplers.ode import Ode

_DRAWS = 16  # of the bound, for each example
OURS: dict[str, Callable[[Config], Config]] = {
    "identity": lambda config: replace(config, transform="identity", predictor="direct"),
    "learned": lambda config: replace(config, transform="scaling", predictor="direct"),
}


@dataclass(frozen=True)
class NeuralDiffusionContender(Contender):
    """One of `OURS`, in continuous time."""

    name: str

    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        return asdict(self._config(data, seconds, seed, rate))

    def _config(self, data: DataSet, seconds: float, seed: int, rate: float) -> Config:
        return budgeted(OURS[self.name](plane_recipe(data)), seconds, None, seed, rate)

    def fit(self, data: DataSet, seconds: float, seed: int, rate: float) -> Fitted:
        """The averaged model: its density is that of its ODE."""
        trainer, solver = trained(self._config(data, seconds, seed, rate), data), Adaptive()
        model, density = (
            trainer.ema.model,
            trainer.time_sampler if isinstance(trainer.time_sampler, Importance) else None,
        )

        def bound(x: Tensor) -> Tensor:
            generator = torch.Generator().manual_seed(0)
            return nelbo(model, x, draws=_DRAWS, density=density, generator=generator).total

        sampler = Ode(model, solver=solver)
        return Fitted(
            model,
            trainer.step,
            repr(solver),
            partial(log_prob, model, solver=solver),
            lambda shape, seed: sampler(shape, seed=seed),
            bound,
        )


CONTENDERS: dict[str, Contender] = {
    **{name: NeuralDiffusionContender(name) for name in OURS},
    "nsf": NeuralSplineFlow(),
    # Straight paths from noise to data, drawn independently. Lipman et al. (2022), https://arxiv.org/abs/2210.02747;
    # Liu et al. (2022), https://arxiv.org/abs/2209.03003.
    "i_cfm": FlowMatching(),
    # Straight paths between pairs of each batch's optimal transport plan, whose cost is cubic in the batch, here
    # torchcfm's own. Tong et al. (2023), https://arxiv.org/abs/2302.00482.
    "ot_cfm": FlowMatching(path="ExactOptimalTransportConditional", batch_size=256),
    # cos(pi t/2) x_0 + sin(pi t/2) x_1, drawn independently; on validation this batch was no worse than 512 on
    # checkerboard, and better on moons. Albergo and Vanden-Eijnden (2022), https://arxiv.org/abs/2209.15571.
    "vp_cfm": FlowMatching(path="VariancePreservingConditional", batch_size=2048),
}
