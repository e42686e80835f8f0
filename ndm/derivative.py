"""The derivative in time of a function that has no closed form."""

from collections.abc import Callable

import torch
from torch import Tensor


def with_velocity(f: Callable[[Tensor], Tensor], t: Tensor) -> tuple[Tensor, Tensor]:
    """f(t) and df/dt by one forward-mode derivative, for f elementwise in t: a time each, (B,) or ()."""
    # Forward mode needs memory of its own for t: an expanded tensor shares it between examples.
    t = t.clone()
    result = torch.func.jvp(f, (t,), (torch.ones_like(t),))
    # The forward derivative of a 0-dimensional float32 times a Python number comes out as float64 (torch 2.13).
    return result[0], result[1].to(result[0].dtype)
