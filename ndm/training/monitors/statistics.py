"""What is watched while training: whether F still holds its data, and how it moves them."""

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.model import NeuralDiffusion

_MIDDLE = 0.5
COLLAPSED = 0.01  # Var F / Var x at t = 1/2 below which a warning is given


@torch.no_grad()
def path_statistics(model: NeuralDiffusion, x: Tensor) -> dict[str, float]:
    """What metrics say of the path that data x (B, *event) take: the ends of gamma, `variance_ratio`, `movement`.

    Raises `InputError` where rounding swallows the noise at t = 0: what is trained is no bound then.
    """
    _check_noise(model, x)
    ends = model.schedule.gamma(torch.tensor([0.0, 1.0], device=x.device)).tolist()
    return {"gamma_0": ends[0], "gamma_1": ends[1], "variance_ratio": variance_ratio(model, x)} | movement(model, x)


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
def variance_ratio(model: NeuralDiffusion, x: Tensor, t: float = _MIDDLE) -> float:
    """Var F(x, t) / Var x, each summed over the dimensions: 1 for the identity, 0 when F has collapsed.

    A constant F makes the diffusion term zero for free, which the other two terms of the bound must pay for.
    """
    curve = model.curve(x)
    time = torch.tensor(t, dtype=x.dtype, device=x.device)
    at_start, at_t = curve(torch.zeros_like(time)), curve(time)
    return float(at_t.var(0).sum() / at_start.var(0).sum())


@torch.no_grad()
def movement(model: NeuralDiffusion, x: Tensor, times: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)) -> dict[str, float]:
    """How far F is from x and how fast it goes at some t: the means of (F(x, t) - F(x, 0))^2 and (dF/dt)^2.

    The means are over examples and dimensions, in the model's scale of the data.
    """
    curve = model.curve(x)
    start = curve(torch.zeros((), dtype=x.dtype, device=x.device))
    found = {}
    for t in times:
        at_t, velocity = curve.with_velocity(torch.full((len(x),), t, dtype=x.dtype, device=x.device))
        found[f"squared_change/{t:g}"] = float((at_t - start).square().mean())
        found[f"squared_velocity/{t:g}"] = float(velocity.square().mean())
    return found
