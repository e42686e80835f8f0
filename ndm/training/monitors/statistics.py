"""Statistics of a run besides its bound: the loss over t, gradients, whether F has collapsed, memory."""

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from ndm.base.errors import InputError
from ndm.bounds.time_samplers import TimeSampler
from ndm.model import NeuralDiffusion

_MIDDLE = 0.5
COLLAPSED = 0.01  # Var F / Var x at t = 1/2 below which a warning is given
_MIB = 2**20
_UNIT = 1 if sys.platform == "darwin" else 2**10  # of ru_maxrss, in bytes


class LossBins(TimeSampler):
    """A time sampler that also records the mean integrand l(t) of the diffusion term on each bin of t, in nats.

    It draws by the `time_sampler` that it is given. The sums stay on the device until a line is written.
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
        self.sums.index_add_(1, index, torch.stack([integrand, torch.ones_like(u)]).double())

    def load(self, state: list[list[float]]) -> None:
        """Load the sums of a saved state."""
        self.sums.copy_(torch.tensor(state, dtype=torch.float64))

    def line(self, total: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The means since the last line, of bins with values; `total` adds up the values of several processes."""
        sums, counts = total(self.sums).tolist()
        self.sums.zero_()
        return {
            f"diffusion_at/{k / self.num_bins:g}-{(k + 1) / self.num_bins:g}": sums[k] / counts[k]
            for k in range(self.num_bins)
            if counts[k]
        }


@torch.no_grad()
def gradient_norms(model: nn.Module, norm: Callable[[list[Tensor]], Tensor]) -> dict[str, float]:
    """Compute the norm of the latest gradient, as clipped, of every part of the model that has one."""
    found = {}
    for name, part in model.named_children():
        gradients = [weight.grad for weight in part.parameters() if weight.grad is not None]
        if gradients:
            found[f"gradient_norm/{name}"] = float(norm(gradients))
    return found


def high_water_mark() -> int:
    """The peak memory of this process, in bytes.

    Linux's VmHWM, where there is one: ru_maxrss is no less than the memory of the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 2**10
    except (OSError, StopIteration):  # another system
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def memory() -> dict[str, float]:
    """The peak memory of this process and of its GPU, in MiB."""
    found = {"memory_mib": high_water_mark() / _MIB}
    if torch.cuda.is_available():
        found["gpu_memory_mib"] = torch.cuda.max_memory_allocated() / _MIB
    return found


@torch.no_grad()
def path_statistics(model: NeuralDiffusion, x: Tensor, cond: Tensor | None = None) -> dict[str, float]:
    """Compute the metrics of the path of data x (B, *event): the ends of gamma, `variance_ratio`, `movement`.

    Raises `InputError` where rounding swallows the noise at t = 0: what is trained is no bound then.
    """
    _check_noise(model, x)
    ends = model.schedule.gamma(torch.tensor([0.0, 1.0], device=x.device)).tolist()
    return {"gamma_0": ends[0], "gamma_1": ends[1], "variance_ratio": variance_ratio(model, x, cond)} | movement(
        model, x, cond
    )


def _check_noise(model: NeuralDiffusion, x: Tensor) -> None:
    """Raise `InputError` where the schedule has learned noise at t = 0 that data x (B, *event) lose to rounding."""
    try:
        model.check_noise(x)
    except InputError as error:
        raise InputError(
            f"{error.got}, as the schedule has learned it",
            error.expected,
            "do values of the data repeat? No density over them is finite: add noise to them, or fix "
            "gamma by --schedule linear",
        ) from error


@torch.no_grad()
def variance_ratio(model: NeuralDiffusion, x: Tensor, cond: Tensor | None = None, t: float = _MIDDLE) -> float:
    """Compute Var F(x, t) / Var x, each summed over the dimensions: 1 for the identity, 0 when F has collapsed.

    A constant F makes the diffusion term zero for free, which the other two terms of the bound must pay for.
    """
    curve = model.curve(x, cond)
    time = torch.tensor(t, dtype=x.dtype, device=x.device)
    at_start, at_t = curve(torch.zeros_like(time)), curve(time)
    return float(at_t.var(0).sum() / at_start.var(0).sum())


@torch.no_grad()
def movement(
    model: NeuralDiffusion, x: Tensor, cond: Tensor | None = None, times: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
) -> dict[str, float]:
    """Compute how far F is from x and how fast it moves at some t: means of (F(x, t) - F(x, 0))^2 and (dF/dt)^2.

    The means are over examples and dimensions, in the model's scale of the data.
    """
    curve = model.curve(x, cond)
    start = curve(torch.zeros((), dtype=x.dtype, device=x.device))
    found = {}
    for t in times:
        at_t, velocity = curve.with_velocity(torch.full((len(x),), t, dtype=x.dtype, device=x.device))
        found[f"squared_change/{t:g}"] = float((at_t - start).square().mean())
        found[f"squared_velocity/{t:g}"] = float(velocity.square().mean())
    return found
