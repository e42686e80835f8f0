"""What contends: our two models, the peers, and the only place where they have names."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine.contenders import Change, change
from benchmarks.engine.training import budgeted, time_density, trained
from benchmarks.peers.densities import Contender, Fitted, FlowMatching, NeuralSplineFlow, plane_recipe
from ndm.bounds.nelbo import nelbo
from ndm.config import Config
from ndm.data import DataSet
from ndm.ode.likelihood import log_prob
from ndm.ode.solvers.adaptive import Adaptive
from ndm.samplers.ode import Ode

_DRAWS = 16  # of the bound, for each example


@dataclass(frozen=True)
class NeuralDiffusionContender(Contender):
    """A change of the recipe for points, in continuous time."""

    changed: Change

    def config(self, data: DataSet, seconds: float, seed: int, rate: float) -> Config:
        """What `fit` trains."""
        return budgeted(self.changed(plane_recipe(data)), seconds, None, seed, rate)

    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        return asdict(self.config(data, seconds, seed, rate))

    def fit(self, data: DataSet, seconds: float, seed: int, rate: float) -> Fitted:
        """The averaged model: its density is that of its ODE."""
        trainer, solver = trained(self.config(data, seconds, seed, rate), data), Adaptive()
        model, density = trainer.ema.model, time_density(trainer)
        sampler = Ode(model, solver=solver)

        def bound(x: Tensor) -> Tensor:
            return nelbo(model, x, draws=_DRAWS, density=density, generator=torch.Generator().manual_seed(0)).total

        def sample(shape: tuple[int, ...], seed: int) -> Tensor:
            return sampler(shape, seed=seed)

        return Fitted(model, trainer.step, repr(solver), partial(log_prob, model, solver=solver), sample, bound)


OURS = {
    name: NeuralDiffusionContender(change(transform=path, predictor="direct"))
    for name, path in (("identity", "identity"), ("learned", "scaling"))
}
CONTENDERS: dict[str, Contender] = {
    **OURS,
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
