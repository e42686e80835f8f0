"""The convolutional layer: neighbours alone, and the same everywhere."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, silu

import ndm
from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.spec import Spec
from ndm.nn.layers import ConvolutionalLayer

SHAPE = (2, 9, 9)


def perturbed() -> ConvolutionalLayer:
    torch.manual_seed(0)
    layer = ConvolutionalLayer(SHAPE, num_outputs=3, width=8, num_classes=4).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def images(number: int = 5) -> Tensor:
    return torch.randn(number, *SHAPE, dtype=torch.float64)


def test_a_fresh_layer_is_exactly_zero_and_learns() -> None:
    layer, x = ConvolutionalLayer(SHAPE, num_outputs=3), images().float()
    assert torch.equal(layer(x), torch.zeros(5, 3, *SHAPE))
    (layer(x)[:, 0] - x).square().mean().backward()
    assert layer.leave.weight.grad.abs().max() > 0


def test_is_the_formula_it_declares() -> None:
    layer, x, cond = perturbed(), images(), torch.tensor([0, 1, 2, 3, -1])
    inner = (
        conv2d(x, layer.enter.weight, layer.enter.bias, padding=1) + layer.condition.rows.weight[cond][..., None, None]
    )
    expected = conv2d(silu(inner), layer.leave.weight, layer.leave.bias, padding=1)
    torch.testing.assert_close(layer(x, cond), expected.reshape(5, 3, *SHAPE))
    torch.testing.assert_close(layer(x)[4], layer(x, cond)[4])


def test_an_output_sees_the_five_by_five_pixels_around_it() -> None:
    layer, x = perturbed(), images(1)
    moved = x.clone()
    moved[0, 1, 4, 4] += 1
    seen = (layer(moved) != layer(x)).flatten(0, 2).any(0)
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[2:7, 2:7] = True
    assert torch.equal(seen, expected)


def test_a_configuration_makes_the_same_layer() -> None:
    layer, x = perturbed(), images()
    copy = Part.from_config(layer.config).double()
    copy.load_state_dict(layer.state_dict())
    assert torch.equal(copy(x), layer(x))


def test_a_series_takes_it_by_name() -> None:
    transform = ndm.SeriesTransform.from_spec(Spec(SHAPE), layer="convolutional", num_functions=2, width=4)
    x = images(2).float()
    assert isinstance(transform.h, ConvolutionalLayer) and transform.num_heads == 2
    assert torch.equal(transform(x, torch.tensor([0.2, 0.9])), x)


def test_wrong_inputs_are_refused() -> None:
    with pytest.raises(InputError, match=r"events of shape \(3,\) for convolutions"):
        ConvolutionalLayer((3,))
    with pytest.raises(InputError, match="num_classes=0"):
        ConvolutionalLayer(SHAPE)(images().float(), torch.zeros(5, dtype=torch.int64))
    with pytest.raises(InputError, match=r"got a batch of shape \(5, 4\)"):
        ConvolutionalLayer(SHAPE)(torch.randn(5, 4))
