"""Forward derivatives in programs that `torch.export` traces with a free batch.

Where one argument of a sum, difference, product or quotient carries a tangent and another does not, torch 2.13 makes
zeros for the other whose size is a number, not a symbol: the program is then for the batch that was traced alone. With
tangents of zeros that are written out it stays free. And a tangent in another layout of memory than its value is
refused.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

_FUNCTIONS: tuple[Callable[..., Tensor], ...] = (
    torch.add,
    Tensor.add,
    Tensor.__add__,
    Tensor.__radd__,
    torch.sub,
    Tensor.sub,
    Tensor.__sub__,
    Tensor.__rsub__,
    torch.mul,
    Tensor.mul,
    Tensor.__mul__,
    Tensor.__rmul__,
    torch.div,
    Tensor.div,
    Tensor.__truediv__,
    Tensor.__rdiv__,
    Tensor.__rtruediv__,
    torch.addcmul,
    Tensor.addcmul,
)


def _with_zeros(function: Callable[..., Tensor], *arguments: Any, **options: Any) -> Tensor:
    """Call `function` with tangents on all arguments if any has one: those of constants are 0."""
    duals = [x for x in arguments if isinstance(x, Tensor) and forward_ad.unpack_dual(x).tangent is not None]
    if duals:
        arguments = tuple(_dual(x, duals[0]) for x in arguments)
    return function(*arguments, **options)


def _dual(x: Any, like: Tensor) -> Tensor:
    x = x if isinstance(x, Tensor) else torch.full((), x, dtype=like.dtype, device=like.device)
    known = not x.is_floating_point() or forward_ad.unpack_dual(x).tangent is not None
    return x if known else forward_ad.make_dual(x, torch.zeros_like(x))


def make_dual(value: Tensor, tangent: Tensor) -> Tensor:
    """Make a dual number; while `torch.export` traces, value and tangent are brought to one memory layout."""
    if torch.compiler.is_exporting():
        value, tangent = value.contiguous(), tangent.contiguous()
    return forward_ad.make_dual(value, tangent)


WITH_ZEROS: dict[Any, Callable[..., Any]] = {function: partial(_with_zeros, function) for function in _FUNCTIONS}
