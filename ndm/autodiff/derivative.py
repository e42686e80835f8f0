"""Forward-mode derivatives: in time, and along a tangent."""

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ndm.autodiff.decompositions import DECOMPOSED, REFUSED, Replaced
from ndm.autodiff.exported import WITH_ZEROS
from ndm.base.errors import InputError
from ndm.base.modes import outside_inference, usable

_NUDGE = 1e-3  # of an argument, to see whether a function without a derivative depends on it


def with_velocity(f: Callable[[Tensor], Tensor], t: Tensor) -> tuple[Tensor, Tensor]:
    """Compute f(t) and df/dt by one forward-mode derivative, for f elementwise in t, (B,) or ().

    In every mode of PyTorch (`torch.inference_mode` too) they are those under `torch.no_grad`.

    Raises:
        InputError: where f hides t from PyTorch's derivatives, so that df/dt would silently be 0, or lack what went
            through NumPy.
    """
    with outside_inference():
        # Forward mode needs separate memory for each t: an expanded tensor shares it between examples.
        t = t.clone()
        value, velocity = with_tangent(f, (t,), (torch.ones_like(t),))
        if velocity is None:
            _require_constant(f, t)
            return value, torch.zeros_like(value)
    # The forward derivative of a 0-dimensional float32 times a Python number comes out as float64 (torch 2.13).
    return value, velocity.to(value.dtype)


def with_tangent(
    f: Callable[..., Tensor], x: tuple[Tensor, ...], v: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor | None]:
    """Compute f(x) and its derivative along v, J(x) v; None in its place where f does not depend on x for PyTorch.

    By dual numbers where they work, else by `torch.func.jvp`: it nests and has fewer gaps, but small networks take a
    third longer.
    """
    with outside_inference():
        x = tuple(map(usable, x))
        try:
            # Around the others, as it is for their parts as well.
            traced = Replaced(WITH_ZEROS) if torch.compiler.is_exporting() else contextlib.nullcontext()
            with forward_ad.dual_level(), traced, Replaced(DECOMPOSED | REFUSED):
                duals = tuple(map(forward_ad.make_dual, x, v))
                if any(forward_ad.unpack_dual(dual).tangent is None for dual in duals):
                    raise RuntimeError("dual numbers that are switched off")
                result = forward_ad.unpack_dual(f(*duals))
                return result.primal, result.tangent
        except RuntimeError:  # e.g. inside another derivative
            depends = []

            def watched(*x: Tensor) -> Tensor:
                value = f(*x)
                depends.append(forward_ad.unpack_dual(value).tangent is not None)
                return value

            with Replaced(DECOMPOSED):
                value, tangent = torch.func.jvp(watched, x, v)[:2]
                return value, tangent if depends[-1] else None


def require_gradient(f: Callable[[Tensor], Tensor], x: Tensor, value: Tensor) -> None:
    """Raise `InputError` where `value` = f(x) should have a gradient in x and has none, although it changes with x."""
    if torch.is_grad_enabled() and x.requires_grad and not value.requires_grad:
        _require_constant(f, x)


def _require_constant(f: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Raise `InputError` where f changes with x, although PyTorch sees no derivative of it."""
    if torch._C._are_functorch_transforms_active():  # type: ignore[attr-defined]
        return  # values cannot be looked at
    values = []
    for at in (x, torch.where(x < 0.5, x + _NUDGE, x - _NUDGE)):
        with torch.random.fork_rng([x.device] if x.is_cuda else []):  # the same masks for both
            values.append(f(at))
    if not torch.equal(*values):
        raise InputError(
            "a function whose derivative PyTorch does not see",
            "PyTorch's operations throughout, without "
            "detach, data, item, numpy, inference_mode, and no_grad where gradients are wanted",
            "take them out of it; a derivative in t can be given, by with_velocity",
        )
