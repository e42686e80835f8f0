"""Decompositions of PyTorch operations whose forward-mode derivative is not itself differentiable.

With torch 2.13 the gradient of a velocity through layer, instance and batch norm is silently wrong, because their mean
and deviation count as constants; the backward pass refuses that through a softmax of dual numbers. The gradient through
determinants and solutions of linear equations is wrong or lost: it is refused here, and so are functions that go to
NumPy and lose their derivative.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from ndm.base.errors import InputError

Rules = dict[Any, Callable[..., Any]]


class Replaced(TorchFunctionMode):
    """A mode in which PyTorch functions are replaced by the rules for them."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        chosen = self.rules.get(function, function)
        return chosen(*arguments, **(options or {}))


def softmax(x: Tensor, dim: int, *_: Any, **__: Any) -> Tensor:
    """Softmax, exp(x) / sum exp(x)."""
    exp = _shifted(x, dim)[1]
    return exp / exp.sum(dim, keepdim=True)


def log_softmax(x: Tensor, dim: int, *_: Any, **__: Any) -> Tensor:
    """Log-softmax, x - log sum exp(x)."""
    largest, exp = _shifted(x, dim)
    return x - largest - exp.sum(dim, keepdim=True).log()


def logsumexp(x: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """The logarithm of a sum of exponentials, log sum exp(x)."""
    largest, exp = _shifted(x, dim)
    total = largest + exp.sum(dim, keepdim=True).log()
    return total if keepdim else total.squeeze(dim)


def _shifted(x: Tensor, dim: int | tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The largest x along dim, a constant, and exp(x - largest)."""
    largest = forward_ad.unpack_dual(x).primal.detach().amax(dim, keepdim=True)
    return largest, torch.exp(x - largest)


def layer_norm(
    x: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """Layer norm, (x - mean) / sqrt(variance + eps) over the last dimensions, times weight, plus bias."""
    dims = tuple(range(-len(normalized_shape), 0))
    centred = x - x.mean(dims, keepdim=True)
    x = centred * (centred.square().mean(dims, keepdim=True) + eps).rsqrt()
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Instance norm as a group norm of one channel a group, where its statistics are those of x."""
    if not use_input_stats:
        return F.instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    return F.group_norm(x, x.shape[1], weight, bias, eps)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *options: Any,
    **named: Any,
) -> Tensor:
    """Batch norm in evaluation; refused in training, where it mixes examples."""
    if training:
        raise InputError("a batch norm in a transformation", "a curve for each example", "use group or layer norm")
    return F.batch_norm(x, running_mean, running_var, weight, bias, training, *options, **named)


def numpy(x: Tensor, *arguments: Any, **options: Any) -> Any:
    """Convert x to NumPy; refused for a dual number, whose tangent would be lost."""
    if forward_ad.unpack_dual(x).tangent is not None:
        raise InputError(
            "a function that takes t to NumPy, where it has no derivative",
            "PyTorch's operations on t",
            "or give the derivative: override with_velocity; where only an index is wanted, detach t",
        )
    return x.numpy(*arguments, **options)


def without_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that a gradient of its forward derivative is refused."""

    def guarded(*arguments: Any, **options: Any) -> Any:
        tensors = [each for each in (*arguments, *options.values()) if isinstance(each, Tensor)]
        if (
            torch.is_grad_enabled()
            and any(each.requires_grad for each in tensors)
            and any(forward_ad.unpack_dual(each).tangent is not None for each in tensors)
        ):
            raise InputError(
                f"a gradient of the derivative of {function.__name__} in t, which PyTorch has wrong",
                "operations whose forward derivative has a gradient, as torch.linalg.inv",
                "or give the derivative: override with_velocity",
            )
        return function(*arguments, **options)

    return guarded


def refuse(*_: Any, **__: Any) -> Any:
    """Raise `RuntimeError` for a function that has no rule for dual numbers."""
    """Raise `RuntimeError` for a function that has no rule for dual numbers."""
    """Raise `RuntimeError` for a function that has no rule for dual numbers."""
    raise RuntimeError("a softmax that no rule reaches")


DECOMPOSED: Rules = (
    dict.fromkeys((F.softmax, torch.softmax, Tensor.softmax), softmax)
    | dict.fromkeys((F.log_softmax, torch.log_softmax, Tensor.log_softmax), log_softmax)
    | dict.fromkeys((torch.logsumexp, Tensor.logsumexp), logsumexp)
    | dict.fromkeys((F.layer_norm, torch.layer_norm), layer_norm)
    | {F.instance_norm: instance_norm, F.batch_norm: batch_norm, Tensor.numpy: numpy}
    | {
        function: without_gradient(function)
        for function in (
            torch.det,
            torch.linalg.det,
            Tensor.det,
            torch.slogdet,
            torch.linalg.slogdet,
            Tensor.slogdet,
            torch.logdet,
            Tensor.logdet,
            torch.linalg.solve,
            torch.linalg.solve_ex,
            torch.linalg.householder_product,
            torch.orgqr,
            Tensor.orgqr,
        )
    }
)
# Not for dual numbers; `torch.func.jvp` has them right.
REFUSED: Rules = {F.multi_head_attention_forward: refuse, torch.logcumsumexp: refuse, Tensor.logcumsumexp: refuse}
