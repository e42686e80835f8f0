"""Activation checkpointing that keeps forward derivatives: less memory for a third more work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function, forward_ad
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.utils.checkpoint import get_device_states, set_device_states

from ndm.autodiff.derivative import with_tangent
from ndm.base.errors import InputError


class Block(nn.Module):
    """A block of a network that can be checkpointed; a subclass computes its value in `compute`.

    While training, a block that is `checkpointed` keeps only its inputs and computes once more in the backward pass
    (Chen et al., 2016, https://arxiv.org/abs/1604.06174): same values, tangents, random masks and gradients. Inside
    the functions of `torch.func` it is not recomputed, because their levels end before the backward pass.
    """

    compute: Callable[..., Tensor]
    checkpointed = False

    def forward(self, *inputs: Tensor) -> Tensor:
        inside = torch._C._are_functorch_transforms_active()  # type: ignore[attr-defined]
        if self.checkpointed and self.training and torch.is_grad_enabled() and not inside:
            return _checkpointed(self, inputs)
        return self.compute(*inputs)


def checkpoint_activations(model: nn.Module) -> None:
    """Switch checkpointing on for every `Block` of a model; raises `InputError` where there is none."""
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    if not blocks:
        raise InputError(
            "checkpointing for a model without blocks",
            "a network of blocks, as unet and mlp",
            "leave it out: there is next to nothing to save",
        )
    for block in blocks:
        block.checkpointed = True


@dataclass(frozen=True)
class _Circumstances:
    """What a block's value depends on besides inputs and weights: the random state, and the precision of autocast."""

    device: str
    random: Tensor  # of the CPU
    random_there: tuple[list[int], list[Tensor]]  # of another device
    precision: torch.dtype | None  # None where autocast is off

    @classmethod
    def around(cls, x: Tensor) -> "_Circumstances":
        """The present random state and precision, for a block with inputs like x."""
        device = x.device.type
        precision = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        return cls(device, torch.get_rng_state(), get_device_states(x), precision)

    def autocast(self) -> torch.autocast:
        """The autocast to compute under, without its cache: a weight cast without a gradient would keep none."""
        return torch.autocast(self.device, self.precision, enabled=self.precision is not None, cache_enabled=False)

    def again(self, function: Callable[[], Any]) -> Any:
        """Call `function` under this random state and precision."""
        indices, states = self.random_there
        with torch.random.fork_rng(indices, device_type=None if self.device == "cpu" else self.device), self.autocast():
            torch.set_rng_state(self.random)
            set_device_states(indices, states, device_type=self.device)
            return function()


def _checkpointed(block: Block, inputs: tuple[Tensor, ...]) -> Tensor:
    """Compute `block.compute(*inputs)` with a graph that holds only the inputs; they may be dual numbers."""
    circumstances = _Circumstances.around(inputs[0])
    with torch.no_grad(), circumstances.autocast():
        result = forward_ad.unpack_dual(block.compute(*inputs))
    # Tangents are inputs too: the dual numbers are gone when the backward pass comes. So are weights, because DDP's
    # hooks, which average their gradients over processes, look for them in the graph.
    values, tangents = zip(*map(forward_ad.unpack_dual, inputs), strict=True)
    value, tangent = _Checkpointed.apply(
        block, circumstances, len(inputs), *result, *values, *tangents, *block.parameters()
    )
    return value if tangent is None else forward_ad.make_dual(value, tangent)


class _Computed(nn.Module):
    """A module whose `forward` is a block's `compute`."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.block.compute(*inputs)


class _Checkpointed(Function):
    """Returns a value and its tangent, with the gradients of the block that computed them."""

    @staticmethod
    def forward(
        ctx: Any,
        block: Block,
        circumstances: _Circumstances,
        num_inputs: int,
        value: Tensor,
        tangent: Tensor | None,
        *given: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        ctx.block, ctx.circumstances, ctx.num_inputs = block, circumstances, num_inputs
        ctx.save_for_backward(*given)
        ctx.set_materialize_grads(False)
        return value, tangent

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        # All are new inputs, whose graph begins here: a hook on a weight or an input sees its gradient once.
        needed = ctx.needs_input_grad[-len(ctx.saved_tensors) :]
        given: list[Any] = [
            None if x is None else x.detach().requires_grad_(need)
            for x, need in zip(ctx.saved_tensors, needed, strict=True)
        ]
        n = ctx.num_inputs
        # Views, because counters of operations hang hooks on what modules are given, and cannot on leaves.
        with torch.enable_grad():
            values = [x.view_as(x) for x in given[:n]]
        tangents, weights = given[n : 2 * n], given[2 * n :]
        block = _Computed(ctx.block)
        named = dict(zip(dict(block.named_parameters()), weights, strict=True))
        moving = [k for k, tangent in enumerate(tangents) if tangent is not None]

        def compute(*moved: Tensor) -> Tensor:
            at = dict(zip(moving, moved, strict=True))
            result: Tensor = functional_call(block, named, tuple(at.get(k, value) for k, value in enumerate(values)))
            return result

        def results() -> tuple[Tensor, Tensor | None]:
            if not moving:
                return compute(), None
            return with_tangent(compute, tuple(values[k] for k in moving), tuple(tangents[k] for k in moving))

        with torch.enable_grad():
            computed = ctx.circumstances.again(results)
        wanted = [x for x, need in zip(given, needed, strict=True) if need]
        outputs, factors = zip(
            *((y, g) for y, g in zip(computed, gradients, strict=True) if g is not None), strict=True
        )
        found = iter(torch.autograd.grad(outputs, wanted, factors, allow_unused=True))
        return (*(None,) * 5, *(next(found) if need else None for need in needed))
