"""The training objective as one module: what wraps it has the whole model within, derivatives in t included."""

import torch
from torch import Tensor, nn

from ndm.base.noise import BatchSlice
from ndm.bounds.bound import Bound, bound
from ndm.bounds.time_samplers import TimeSampler
from ndm.config import Config
from ndm.model import NeuralDiffusion
from ndm.ode.kinetic_energy import kinetic_energy


class Objective(nn.Module):
    """x (B, *event) -> the bound of each example in nats and, where it has a weight, the kinetic energy, (B,).

    A gradient that is synchronised as it arises, or a weight that is gathered where it is used, must belong to the
    forward pass of the module that is wrapped. Parts that are wrapped by themselves would also be entered with dual
    numbers, which their hooks do not survive.
    """

    def __init__(self, model: NeuralDiffusion, time_sampler: TimeSampler, config: Config) -> None:
        super().__init__()
        self.model, self.time_sampler = model, time_sampler
        self.timesteps, self.has_energy = config.timesteps, bool(config.kinetic_weight)
        self.autocast = config.precision == "bf16"

    def forward(self, x: Tensor, batch_slice: BatchSlice, generator: torch.Generator) -> tuple[Bound, Tensor | None]:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.autocast):
            terms = bound(self.model, x, None, self.timesteps, self.time_sampler, generator, batch_slice)
            energy = (
                kinetic_energy(self.model, x, generator=generator, batch_slice=batch_slice) if self.has_energy else None
            )
        return terms, energy
