"""The precision that the bound needs because terms cancel: float32 at least, and the same for data and model."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.base.modes import usable

PRECISIONS = (torch.float32, torch.float64)


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """Compute left @ right in the precision of its arguments, under `torch.autocast` too."""
    with torch.autocast(left.device.type, enabled=False):
        return left @ right


def precision_of(model: nn.Module, default: torch.dtype) -> torch.dtype:
    """The precision of a model's weights; `default` where it has none."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), default)


def holds(condition: Tensor) -> bool:
    """Whether a condition holds everywhere; assumed while `torch.export` traces, because there are no values then."""
    return torch.compiler.is_exporting() or bool(condition.all())


def check_tensors(**values: Any) -> None:
    """Raise `InputError` unless each of these, by the name that the user knows, is a tensor; nothing is converted."""
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            raise InputError(f"a NumPy array for {name}", "a torch.Tensor", "convert it, e.g. torch.from_numpy(x)")
        if not isinstance(value, Tensor):
            raise InputError(
                f"{a(value)} for {name}",
                "a torch.Tensor",
                "make one, e.g. torch.tensor(x), or torch.from_numpy(x) of an array",
            )


def check_numbers(x: Tensor, what: str) -> None:
    """Raise `InputError` unless x, called `what`, holds finite floating point numbers and is not empty."""
    check_tensors(**{what: x})
    if not x.is_floating_point():
        raise InputError(f"{what} of type {x.dtype}", "floating point numbers", "convert them, e.g. x.float()")
    if x.ndim < 2:
        raise InputError(f"{what} of shape {tuple(x.shape)}", "(N, *event)", "for numbers give (N, 1)")
    if x.numel() == 0:
        raise InputError(f"an empty batch, of shape {tuple(x.shape)}", "at least 1 example")
    finite = torch.isfinite(x)
    if not finite.all():
        bad = int((~finite).sum())
        raise InputError(
            f"{what} with {bad} NaN or infinite value{'s' * (bad > 1)} of {x.numel()}",
            "finite numbers",
            "remove or repair those examples",
        )


def in_precision(model: nn.Module, x: Tensor, what: str) -> Tensor:
    """Convert x to float32 at least; `InputError` where the model's weights have another precision, or less."""
    x = usable(x.to(torch.promote_types(x.dtype, torch.float32)))
    weights = precision_of(model, x.dtype)
    if weights not in PRECISIONS:
        raise InputError(f"a model of {weights}", "float32 or float64", "convert it: model.float()")
    if weights != x.dtype:
        raise InputError(
            f"{what} of {x.dtype} for a model of {weights}",
            "the same precision",
            "convert one of them, e.g. x.float(), or model.double()",
        )
    return x


@torch.no_grad()
def check_noise(mean: Tensor, sigma: Tensor) -> None:
    """Raise `InputError` where noise of size sigma () is lost when mean + sigma noise is rounded, mean (B, *event).

    Floats near m are up to eps |m| apart. Once sigma is a third of that, most latents are rounded back to the mean: the
    predictor sees x itself, and the "bound" falls below -log p(x), in the end by half a nat for each dimension and unit
    of gamma. Before, rounding is noise of variance (eps m)^2 / 12 and adds (eps m / sigma)^2 / 24 nats, as much again
    for that of x^. So sigma must be two such distances of a typical value, which keeps the mean of the bound within
    0.02 nats for each dimension, and half of that of the largest, which keeps it a bound of every example.
    """
    eps, wide = torch.finfo(mean.dtype).eps, mean.detach().double()  # whose squares are finite
    typical, largest = wide.square().mean().sqrt(), wide.abs().amax()
    least = eps * torch.maximum(2 * typical, largest / 2)
    if bool(sigma < least):
        single = mean.dtype == torch.float32
        noise, needed = (f"{float(size):.2g} (gamma = {2 * float(size.log()):.4g})" for size in (sigma, least))
        raise InputError(
            f"noise of {noise} at t = 0 on values of {float(typical):.3g}, at most {float(largest):.3g}, "
            f"in {'float32' if single else 'float64'}",
            f"at least {needed}, or rounding swallows it",
            "scale the data to about 1, or let gamma begin higher" + ", or compute in float64" * single,
        )
