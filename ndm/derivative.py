"""The derivative in time of a function that has no closed form."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ndm.in_parts import IN_PARTS, REFUSED, Replaced


def with_velocity(f: Callable[[Tensor], Tensor], t: Tensor) -> tuple[Tensor, Tensor]:
    """f(t) and df/dt by one forward-mode derivative, for f elementwise in t: a time each, (B,) or ().

    Dual numbers where they do, `torch.func.jvp` where they do not: it nests and has fewer gaps, but small networks
    take a third longer.
    """
    # Forward mode needs memory of its own for t: an expanded tensor shares it between examples.
    t = t.clone()
    try:
        with forward_ad.dual_level(), Replaced(IN_PARTS | REFUSED):
            dual = forward_ad.unpack_dual(f(forward_ad.make_dual(t, torch.ones_like(t))))
            value, velocity = dual.primal, dual.tangent
    except RuntimeError:  # e.g. inside another derivative
        with Replaced(IN_PARTS):
            value, velocity = torch.func.jvp(f, (t,), (torch.ones_like(t),))[:2]
    if velocity is None:  # f does not depend on t
        return value, torch.zeros_like(value)
    # The forward derivative of a 0-dimensional float32 times a Python number comes out as float64 (torch 2.13).
    return value, velocity.to(value.dtype)
