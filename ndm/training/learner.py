"""What training changes: a model and the averages of its weights; the gradient of a batch, and the step it makes."""

import contextlib
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ndm.base.noise import BatchSlice, seed_device
from ndm.base.running_mean import OneBatch
from ndm.base.seeds import mix
from ndm.bounds.bound import Bound
from ndm.config import Config
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.training.averages.running import ExponentialMovingAverage, PowerAverages
from ndm.training.build import make_time_sampler
from ndm.training.monitors.statistics import LossBins
from ndm.training.objective import Objective, Piece
from ndm.training.optimizer import make_optimizer
from ndm.training.parallel import TINY, Parallel, clip
from ndm.training.room import require_room
from ndm.training.start import prepare_network


class Learner:
    """A model, its averages, the objective that is wrapped around it, and its optimiser.

    All randomness of a step is a function of (seed, step).

    Args:
        model: is trained; `raw_model`, without what is wrapped around it.
        config: how.
        data: whose examples are counted in memory.
        slices: the parts of a batch that this process computes.
        parallel: how processes divide the model.
        number: of the processes.
        total: sums a tensor over them.

    Raises:
        InputError: where memory does not hold a step.
    """

    def __init__(
        self,
        model: NeuralDiffusion,
        config: Config,
        data: DataSet,
        slices: Sequence[BatchSlice],
        parallel: Parallel,
        number: int,
        total: Callable[[Tensor], Tensor],
    ) -> None:
        self.config, self.slices, self.parallel, self._number = config, slices, parallel, number
        self.raw_model = model
        self.ema = ExponentialMovingAverage(model, config.ema_decay)
        self.averages = PowerAverages(model, config.average_lengths)
        prepare_network(model, config)
        require_room(model, config, data, slices)
        self.time_sampler = make_time_sampler(config)
        self.bins = LossBins(self.time_sampler)
        self.terms = parallel.prepare(Objective(model, self.bins, config))
        parallel.distribute(nn.Sequential(self.ema.model, *self.averages.models))
        self.optimizer = make_optimizer(model, config)
        self.parameters = list(model.parameters())
        self.largest_norm = config.clip * math.log(2)  # of the gradient, in nats for each dimension
        self.one_batch = OneBatch(self.terms, total)
        self.generator = torch.Generator(next(model.parameters()).device)  # of what the whole batch draws
        self.terms_of_slices: list[dict[str, Tensor]] = []  # (B,) each, of the latest step; graphs are not kept

    def objective(self, bound: Bound) -> Tensor:
        """Compute what is minimised, (B,): the bound, with all its terms."""
        return bound.total

    def compute_gradient(self, pieces: Sequence[Piece], step: int) -> list[Tensor]:
        """The gradients of the mean objective of a step; `terms_of_slices` has the terms of each example."""
        for parameter in self.parameters:
            parameter.grad = None
        self.terms_of_slices.clear()
        step_seed = mix(self.config.seed, step)
        with self.one_batch:
            for part, (x, cond) in zip(self.slices, pieces, strict=True):
                seed_device(mix(step_seed, 1 + part.first), x.device)  # of what a slice draws for itself
                self.generator.manual_seed(step_seed)
                is_last = part is self.slices[-1]
                with contextlib.nullcontext() if is_last else self.parallel.held_back(self.terms):
                    self._add_gradient(x, cond, part)
        return self.parallel.gradients(self.parameters)

    def _add_gradient(self, x: Tensor, cond: Tensor | None, part: BatchSlice) -> None:
        """Add the gradient of a slice of the batch to that of its process."""
        bound, energy = self.terms(x, cond, part, self.generator)
        terms = {"prior": bound.prior, "diffusion": bound.diffusion, "reconstruction": bound.reconstruction}
        loss = self.objective(bound)
        if energy is not None:
            terms["kinetic"] = energy
            loss = loss + self.config.kinetic_weight * energy
        self.terms_of_slices.append({name: term.detach() for name, term in terms.items()})
        # Gradients are means over processes, each of which has a sum over its rows.
        loss.backward(torch.full_like(loss, self._number / (part.total * x[0].numel())))

    def update(self, gradients: list[Tensor], norm: Tensor, value: float, step: int) -> None:
        """Take the step: gradients of this norm, of which the host has read the value, are clipped, and followed."""
        if value + TINY > self.largest_norm:
            clip(gradients, norm, self.largest_norm)
        self.optimizer.step()
        self.ema.update(self.raw_model, step)
        self.averages.update(self.raw_model, step)
