"""The training objective as one module, for wrappers such as DDP: derivatives in t are inside."""

import numpy as np
import torch
from torch import Tensor, nn

from ndm.base.noise import BatchSlice
from ndm.bounds.bound import Bound, bound
from ndm.bounds.time_samplers import TimeSampler
from ndm.config import Config
from ndm.data.lazy import Examples
from ndm.model import NeuralDiffusion
from ndm.ode.kinetic_energy import kinetic_energy

Piece = tuple[Tensor, Tensor | None]  # x (B, *event), and the condition of each example, or None for none


def as_piece(model: NeuralDiffusion, x: Examples, cond: np.ndarray | None) -> Piece:
    """Examples and conditions as the model takes them, where it is."""
    device = next(model.parameters()).device
    return model.decoder.from_raw(x).to(device), None if cond is None else torch.from_numpy(cond).to(device)


class Objective(nn.Module):
    """x (B, *event) and cond or None -> the bound of each in nats and, where it has a weight, the energy, (B,).

    With a condition it is the bound of -log p(x | cond).

    A gradient that is synchronised as it arises, or a weight that is gathered where it is used, must belong to the
    forward pass of the module that is wrapped. Parts that are wrapped by themselves would also be entered with dual
    numbers, which their hooks do not survive.
    """

    def __init__(self, model: NeuralDiffusion, time_sampler: TimeSampler, config: Config) -> None:
        super().__init__()
        self.model, self.time_sampler = model, time_sampler
        self.timesteps, self.has_energy = config.timesteps, bool(config.kinetic_weight)
        self.autocast = config.precision == "bf16"

    def forward(
        self, x: Tensor, cond: Tensor | None, batch_slice: BatchSlice, generator: torch.Generator
    ) -> tuple[Bound, Tensor | None]:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.autocast):
            terms = bound(self.model, x, cond, self.timesteps, self.time_sampler, generator, batch_slice)
            energy = kinetic_energy(self.model, x, cond, generator, batch_slice) if self.has_energy else None
        return terms, energy
