"""Attention against the fused kernel it stands in for, and its derivatives."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import jacfwd, jacrev, jvp

from ndm.nn.attention import ImageNorm, SelfAttention, attention


def test_equals_the_fused_kernel_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(2, 4, 9, 8, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    ours, fused = attention(*inputs), F.scaled_dot_product_attention(*inputs)
    weight = torch.randn_like(ours)
    torch.testing.assert_close(ours, fused)
    torch.testing.assert_close(torch.autograd.grad(ours, inputs, weight), torch.autograd.grad(fused, inputs, weight))


def test_has_first_and_second_derivatives_in_both_modes() -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(1, 3, 2, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(attention, inputs, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(attention, inputs)


@pytest.mark.parametrize("channels", [32, 64, 24])
def test_a_fresh_layer_is_the_identity(channels) -> None:
    x = torch.randn(2, channels, 4, 6)
    assert torch.equal(SelfAttention(channels)(x), x)


def test_permuting_the_pixels_permutes_the_output() -> None:
    """Self-attention sees a set of pixels: it commutes with every permutation of them."""
    torch.manual_seed(0)
    layer, order = SelfAttention(64).double(), torch.randperm(16)
    x = torch.randn(2, 64, 4, 4, dtype=torch.float64)
    nn.init.normal_(layer.leave.weight)
    permuted = x.flatten(2)[..., order].unflatten(2, (4, 4))
    torch.testing.assert_close(layer(permuted).flatten(2), layer(x).flatten(2)[..., order])
    assert (layer(x) - x).abs().max() > 0.1


def test_every_pixel_sees_every_pixel_in_both_modes() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(16).double()
    nn.init.normal_(layer.leave.weight)
    x = torch.randn(1, 16, 2, 2, dtype=torch.float64)
    forward, backward = jacfwd(layer)(x), jacrev(layer)(x)
    torch.testing.assert_close(forward, backward)
    assert (forward.abs().amax(dim=(0, 1, 4, 5)) > 0).all()


@pytest.mark.parametrize(("channels", "groups"), [(16, 1), (32, 2), (128, 8), (24, 1), (3, 1)])
def test_groups_hold_sixteen_channels_or_all(channels, groups) -> None:
    assert ImageNorm(channels).num_groups == groups


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_norm_has_its_forward_derivative_in_every_memory_format(memory) -> None:
    torch.manual_seed(0)
    norm, h = ImageNorm(32).double(), 1e-6
    x, direction = (torch.randn(2, 32, 3, 4, dtype=torch.float64).to(memory_format=memory) for _ in range(2))
    value, derivative = jvp(norm, (x,), (direction,))
    torch.testing.assert_close(value, F.group_norm(x.contiguous(), 2))
    torch.testing.assert_close(derivative, (norm(x + h * direction) - norm(x - h * direction)) / (2 * h))
