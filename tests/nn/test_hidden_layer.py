"""The hidden layer, which is no `Network`: it takes no time."""

import pytest
import torch
from torch import nn
from torch.func import jvp

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.nn.layers import HiddenLayer


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8)])
def test_a_fresh_layer_is_exactly_zero_and_learns(shape) -> None:
    torch.manual_seed(0)
    layer, x = HiddenLayer(shape, num_outputs=2), torch.randn(5, *shape)
    assert torch.equal(layer(x), torch.zeros(5, 2, *shape))
    (layer(x)[:, 0] - x).square().mean().backward()
    assert layer.leave.weight.grad.abs().max() > 0


def perturbed() -> HiddenLayer:
    torch.manual_seed(0)
    layer = HiddenLayer((3,), num_outputs=2, width=8, num_classes=4).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def test_is_the_formula_it_declares() -> None:
    layer, x, cond = perturbed(), torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, -1])
    inner = x @ layer.enter.weight.T + layer.enter.bias + layer.condition.rows.weight[cond]
    expected = (inner * inner.sigmoid()) @ layer.leave.weight.T + layer.leave.bias
    torch.testing.assert_close(layer(x, cond), expected.reshape(5, 2, 3))
    torch.testing.assert_close(layer(x)[4], layer(x, cond)[4])


def test_derivative_then_backward_is_finite_everywhere() -> None:
    layer, x = perturbed(), torch.randn(5, 3, dtype=torch.float64)
    cond, h, direction = torch.tensor([0, 1, 2, 3, 0]), 1e-6, torch.randn(5, 3, dtype=torch.float64)
    _, derivative = jvp(lambda event: layer(event, cond), (x,), (direction,))
    difference = (layer(x + h * direction, cond) - layer(x - h * direction, cond)) / (2 * h)
    torch.testing.assert_close(derivative, difference, rtol=1e-6, atol=1e-6)
    derivative.square().sum().backward()
    gradients = {name: p.grad for name, p in layer.named_parameters() if name != "leave.bias"}  # a constant in x
    for name, gradient in gradients.items():
        assert gradient.isfinite().all() and gradient.abs().max() > 0, name


def test_a_configuration_makes_the_same_layer() -> None:
    layer, x = perturbed(), torch.randn(5, 3, dtype=torch.float64)
    copy = Part.from_config(layer.config).double()
    copy.load_state_dict(layer.state_dict())
    assert torch.equal(copy(x), layer(x))


def test_wrong_inputs_are_refused() -> None:
    layer = HiddenLayer((3,))
    with pytest.raises(InputError, match=r"got a batch of shape \(5, 4\); expected \(B, 3\)"):
        layer(torch.randn(5, 4))
    with pytest.raises(InputError, match="num_classes=0"):
        layer(torch.randn(5, 3), torch.zeros(5, dtype=torch.int64))
