"""Forward-mode derivatives: in time, of a function that has no closed form, and of a part of such a function."""

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ndm.exported import WITH_ZEROS
from ndm.in_parts import IN_PARTS, REFUSED, Replaced


def with_velocity(f: Callable[[Tensor], Tensor], t: Tensor) -> tuple[Tensor, Tensor]:
    """f(t) and df/dt by one forward-mode derivative, for f elementwise in t: a time each, (B,) or ()."""
    # Forward mode needs memory of its own for t: an expanded tensor shares it between examples.
    t = t.clone()
    value, velocity = with_tangent(f, (t,), (torch.ones_like(t),))
    if velocity is None:  # f does not depend on t
        return value, torch.zeros_like(value)
    # The forward derivative of a 0-dimensional float32 times a Python number comes out as float64 (torch 2.13).
    return value, velocity.to(value.dtype)


def with_tangent(f: Callable[..., Tensor], x: tuple[Tensor, ...],
                 v: tuple[Tensor, ...]) -> tuple[Tensor, Tensor | None]:
    """f(x) and its derivative along v, J(x) v; None in its place where f is seen not to depend on x.

    Dual numbers where they do, `torch.func.jvp` where they do not: it nests and has fewer gaps, but small networks
    take a third longer.
    """
    try:
        # Around the others, as it is for their parts as well.
        traced = Replaced(WITH_ZEROS) if torch.compiler.is_exporting() else contextlib.nullcontext()
        with forward_ad.dual_level(), traced, Replaced(IN_PARTS | REFUSED):
            dual = forward_ad.unpack_dual(f(*map(forward_ad.make_dual, x, v)))
            return dual.primal, dual.tangent
    except RuntimeError:  # e.g. inside another derivative
        with Replaced(IN_PARTS):
            value, tangent = torch.func.jvp(f, x, v)[:2]
            return value, tangent
