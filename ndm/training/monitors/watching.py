"""What is watched of a run beside its bound: where in t the loss is, gradients, F, and memory."""

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ndm.bounds.time_samplers import TimeSampler

_MIB = 2**20
_UNIT = 1 if sys.platform == "darwin" else 2**10  # of ru_maxrss, in bytes


class LossBins(TimeSampler):
    """Times that are watched: the mean integrand l(t) of the diffusion term on each bin of t, in nats.

    It draws as the `time_sampler` that it is given. The sums stay on the device until a line is written.
    """

    def __init__(self, time_sampler: TimeSampler, num_bins: int = 10) -> None:
        super().__init__()
        self.time_sampler, self.num_bins = time_sampler, num_bins
        self.latest = torch.zeros(0)  # the t of the last batch (B,), for one that fails
        self.sums: Tensor
        self.register_buffer("sums", torch.zeros(2, num_bins, dtype=torch.float64))  # of integrands, of examples

    def forward(self, num: int, like: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        self.latest, density = self.time_sampler(num, like, generator)
        return self.latest, density

    @torch.no_grad()
    def observe(self, u: Tensor, integrand: Tensor) -> None:
        self.time_sampler.observe(u, integrand)
        index = (u * self.num_bins).long().clamp(0, self.num_bins - 1)
        self.sums = self.sums.to(u.device).index_add(1, index, torch.stack([integrand, torch.ones_like(u)]).double())

    def load(self, state: list[list[float]] | None) -> None:
        """Take sums back; None is that of a run from before they were kept."""
        if state is not None:
            self.sums = torch.tensor(state, dtype=torch.float64)

    def line(self, total: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The means since the last line, of the bins that were seen; `total` adds up what several processes saw."""
        sums, counts = total(self.sums).tolist()
        self.sums = torch.zeros_like(self.sums)
        return {
            f"diffusion_at/{k / self.num_bins:g}-{(k + 1) / self.num_bins:g}": sums[k] / counts[k]
            for k in range(self.num_bins)
            if counts[k]
        }


@torch.no_grad()
def gradient_norms(model: nn.Module, norm: Callable[[list[Tensor]], Tensor]) -> dict[str, float]:
    """The norm of the latest gradient, as it was clipped, of every part of the model that has one."""
    found = {}
    for name, part in model.named_children():
        gradients = [weight.grad for weight in part.parameters() if weight.grad is not None]
        if gradients:
            found[f"gradient_norm/{name}"] = float(norm(gradients))
    return found


def high_water_mark() -> int:
    """The most memory that this process has had, in bytes.

    Linux's VmHWM, where there is one: ru_maxrss is no less than the memory of the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 2**10
    except (OSError, StopIteration):  # another system
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def memory() -> dict[str, float]:
    """The most that this process has held, in MiB: of memory, and of that of its GPU."""
    found = {"memory_mib": high_water_mark() / _MIB}
    if torch.cuda.is_available():
        found["gpu_memory_mib"] = torch.cuda.max_memory_allocated() / _MIB
    return found


def not_finite(terms: dict[str, np.ndarray]) -> np.ndarray:
    """The examples for which one of the terms (B,) is not finite."""
    return np.flatnonzero(~np.isfinite(np.stack(list(terms.values()))).all(0))
