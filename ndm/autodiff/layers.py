"""Layers with a fast forward derivative: its cost is that of the layer. Without tangents they are PyTorch's layers.

A velocity carries a tangent h' = dh/dt beside each value h of a network. PyTorch's own rules are slow for four layers:
convolutions and linear maps are applied once more to a weight of zeros, and the derivatives of SiLU and group norm are
spelt out in dozens of operations, which the backward pass then visits one by one. The rules here are fused.

SiLU and the normalisation have symmetric Jacobians J, being gradients (of an integral of silu; of a group's standard
deviation). So the kernel of their backward pass, J g, is also that of the tangent, J v, and there is one second
derivative D, symmetric in its arguments: the gradient of <g, J(x) v> is D(x)[v, g] in x and J(x) g in v.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function, forward_ad

from ndm.autodiff.exported import make_dual


def dual(layer: Callable[[Tensor], Tensor], tangent_rule: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a layer to h, with the tangent tangent_rule(h, h') where x carries h'."""
    value, tangent = forward_ad.unpack_dual(x)
    return layer(x) if tangent is None else make_dual(layer(value), tangent_rule(value, tangent))


class Linear(nn.Linear):
    """A linear layer W h + b with tangent W h'."""

    def forward(self, x: Tensor) -> Tensor:
        return dual(super().forward, lambda _, tangent: F.linear(tangent, self.weight), x)


class _Convolution:
    """A convolution W h + b with tangent W h'."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute W h + b, (B, C_in, *sizes) -> (B, C_out, *sizes), with the tangent where h has one."""
        value: Any = super()
        convolved: Any = self
        return dual(value.forward, lambda _, tangent: convolved._conv_forward(tangent, convolved.weight, None), x)


class Conv1d(_Convolution, nn.Conv1d):
    """A convolution over one axis, (B, C, L)."""


class Conv2d(_Convolution, nn.Conv2d):
    """A convolution over two axes, (B, C, H, W)."""


class Conv3d(_Convolution, nn.Conv3d):
    """A convolution over three axes, (B, C, D, H, W)."""


_CONVOLUTIONS: dict[int, type[Conv1d | Conv2d | Conv3d]] = {1: Conv1d, 2: Conv2d, 3: Conv3d}
_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def convolution(num_axes: int, in_channels: int, out_channels: int, width: int) -> Conv1d | Conv2d | Conv3d:
    """Make a convolution over that number of axes, `width` wide (odd), that keeps their sizes."""
    return _CONVOLUTIONS[num_axes](in_channels, out_channels, width, padding=width // 2)


def channels_last(x: Tensor) -> Tensor:
    """x (B, C, *sizes) with channels next to each other in memory, where PyTorch has such a layout: not for one axis.

    Convolutions, norms, scales and shifts are faster so, on CPUs and GPUs.
    """
    return x.contiguous(memory_format=_CHANNELS_LAST.get(x.ndim, torch.contiguous_format))


def silu(x: Tensor) -> Tensor:
    """SiLU, h s(h) with the logistic function s, with tangent silu'(h) h'."""
    return dual(F.silu, SiLUTangent.apply, x)


class SiLU(nn.Module):
    """`silu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return silu(x)


class Dropout(nn.Dropout):
    """h m / (1 - p), each m 1 with probability 1 - p and 0 otherwise, while training.

    On a CPU PyTorch draws a mask number by number, which takes as long as a convolution (measured). Here 16 random bits
    make a number of it, six times faster; p is then a multiple of 2^-16. Accelerators have a kernel for it.
    """

    def forward(self, x: Tensor) -> Tensor:
        inside = torch._C._are_functorch_transforms_active()  # type: ignore[attr-defined]
        if not self.training or not self.p or not x.is_cpu or inside:
            return super().forward(x)
        dropped = round(self.p * 2**16)
        bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        kept = torch.empty_like(x.detach())  # in the layout of x, in memory
        torch.ge(bits[: x.numel()], dropped - 2**15, out=kept.as_strided((x.numel(),), (1,)))
        return x * kept.mul_(2**16 / (2**16 - dropped))


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Scale and shift, (1 + scale) h + shift, with tangent (1 + scale) h' + scale' h + shift'.

    Not by `addcmul`: its gradient multiplies by a factor of 1 as well (torch 2.13), a third more work in all.
    """
    scale_value, scale_prime = forward_ad.unpack_dual(scale)
    shift_value, shift_prime = forward_ad.unpack_dual(shift)
    if scale_prime is None or shift_prime is None:
        return x * (1 + scale) + shift
    value, prime = forward_ad.unpack_dual(x)
    gain = 1 + scale_value
    tangent = value * scale_prime + shift_prime
    tangent = tangent if prime is None else prime * gain + tangent
    return make_dual(value * gain + shift_value, tangent)


class GroupNorm(nn.GroupNorm):
    """Group norm with a fast forward derivative, (B, C, *sizes) -> the same.

    w r (h - m(h)) + b with r = (m((h - m(h))^2) + eps)^(-1/2), m the mean over a group. Its tangent is w J(h) h'.
    Wu and He (2018), https://arxiv.org/abs/1803.08494.
    """

    def forward(self, x: Tensor) -> Tensor:
        def rule(value: Tensor, tangent: Tensor) -> Tensor:
            weight = self.weight.reshape(-1, *(1,) * (value.ndim - 2))
            return weight * NormTangent.apply(value, tangent, self.num_groups, self.eps)

        return dual(super().forward, rule, x)


class SiLUTangent(Function):
    """The tangent of SiLU and its derivative, with s the logistic function of x.

    J(x) v = silu'(x) v,   D(x)[v, g] = s (1 - s) (2 + x - 2 x s) v g.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, v: Tensor) -> Tensor:
        return torch.ops.aten.silu_backward(v, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def second(x: Tensor, v: Tensor, g: Tensor) -> Tensor:
        """The second derivative D(x)[v, g]."""
        s = torch.sigmoid(x)
        return torch.ops.aten.sigmoid_backward(torch.addcmul(2 + x, x, s, value=-2) * v * g, s)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        x, v = ctx.saved_tensors
        return SiLUTangent.second(x, v, g), SiLUTangent.apply(x, g)

    @staticmethod
    def jvp(ctx: Any, x_prime: Tensor, v_prime: Tensor) -> Tensor:
        x, v = ctx.saved_tensors
        return SiLUTangent.second(x, v, x_prime) + SiLUTangent.apply(x, v_prime)


class NormTangent(Function):
    """The tangent of group norm without weight and bias, and its derivative, with r and m of `GroupNorm`.

    J(x) v = r (v - m(v) - r^2 m(c v) c),   D(x)[v, g] = -r^2 (m(c v) J g + m(c g) J v + m(g J v) c),   c = x - m(x).
    """

    @staticmethod
    def forward(x: Tensor, v: Tensor, num_groups: int, eps: float) -> Tensor:
        # In the layout that the kernels are made for.
        x, v = (channels_last(value) if value.is_cpu else value.contiguous() for value in (x, v))
        batch, channels, pixels = *x.shape[:2], x.shape[2:].numel()
        _, mean, r = torch.native_group_norm(x, None, None, batch, channels, pixels, num_groups, eps)
        backward = torch.ops.aten.native_group_norm_backward
        return backward(v, x, mean, r, None, batch, channels, pixels, num_groups, [True, False, False])[0]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, v: Tensor, *options: Any) -> tuple[Tensor, int]:
        x, v = (
            value.expand(info.batch_size, *value.shape) if dim is None else value.movedim(dim, 0)
            for value, dim in zip((x, v), in_dims[:2], strict=True)
        )
        return NormTangent.apply(x.flatten(0, 1), v.flatten(0, 1), *options).unflatten(0, x.shape[:2]), 0

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, float], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2], output)
        ctx.save_for_forward(*inputs[:2], output)
        ctx.options = inputs[2:]

    @staticmethod
    def second(x: Tensor, v: Tensor, jv: Tensor, g: Tensor, jg: Tensor, num_groups: int, eps: float) -> Tensor:
        """The second derivative D(x)[v, g], given J v and J g."""
        c = x - _group_means(num_groups, x)[0]
        m_cc, m_cv, m_cg, m_gjv = _group_means(num_groups, c**2, c * v, c * g, g * jv)
        r_squared = 1 / (m_cc + eps)
        return torch.addcmul(torch.addcmul(c * (-r_squared * m_gjv), jg, -r_squared * m_cv), jv, -r_squared * m_cg)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, v, jv = ctx.saved_tensors
        jg = NormTangent.apply(x, g, *ctx.options)
        return NormTangent.second(x, v, jv, g, jg, *ctx.options), jg, None, None

    @staticmethod
    def jvp(ctx: Any, x_prime: Tensor, v_prime: Tensor, *_: None) -> Tensor:
        x, v, jv = ctx.saved_tensors
        moved, turned = (NormTangent.apply(x, prime, *ctx.options) for prime in (x_prime, v_prime))
        return NormTangent.second(x, v, jv, x_prime, moved, *ctx.options) + turned


def _group_means(num_groups: int, *values: Tensor) -> Tensor:
    """The group means m of K values (B, C, *sizes), repeated for each channel of the group: (K, B, C, 1, ...)."""
    axes = tuple(range(2, values[0].ndim))
    channels = torch.stack([value.mean(axes) for value in values])
    groups = channels.unflatten(2, (num_groups, -1))
    means = groups.mean(-1, keepdim=True).expand_as(groups).flatten(2)
    return means.reshape(*means.shape, *(1,) * len(axes))
