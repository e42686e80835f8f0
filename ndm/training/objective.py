"""The terms of the objective, as one module: what wraps it has the whole model within, derivatives in t included."""

import torch
from torch import Tensor, nn

from ndm.base.noise import Rows
from ndm.bounds.bound import Bound
from ndm.bounds.time_samplers import Times
from ndm.config import Config
from ndm.model import NeuralDiffusion
from ndm.ode.kinetic_energy import kinetic_energy


class Terms(nn.Module):
    """x (B, *event) -> the bound of each example in nats and, where it has a weight, the kinetic energy, (B,).

    A gradient that is synchronised as it arises, or a weight that is gathered where it is used, must belong to the
    forward pass of the module that is wrapped. Parts that are wrapped by themselves would also be entered with dual
    numbers, which their hooks do not survive.
    """

    def __init__(self, model: NeuralDiffusion, times: Times, config: Config) -> None:
        super().__init__()
        self.model, self.times = model, times
        self.timesteps, self.has_energy = config.timesteps, bool(config.kinetic_weight)
        self.autocast = config.precision == "bf16"

    def forward(self, x: Tensor, rows: Rows, generator: torch.Generator) -> tuple[Bound, Tensor | None]:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.autocast):
            bound = self.model(x, None, self.timesteps, self.times, generator, rows)
            energy = kinetic_energy(self.model, x, generator=generator, rows=rows) if self.has_energy else None
        return bound, energy
