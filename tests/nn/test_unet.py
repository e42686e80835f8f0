"""What is the U-Net's own: sizes, levels, attention and the errors of its constructor."""

import pytest
import torch
from torch import nn

from ndm.autodiff.derivative import with_velocity
from ndm.base.errors import InputError
from ndm.nn.attention import SelfAttention
from ndm.nn.networks.unet import UNet


def perturbed(network: UNet) -> UNet:
    for parameter in network.double().parameters():
        nn.init.normal_(parameter, std=0.1)
    return network


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 8, 8), {"multipliers": (1,)}),
        ((3, 8, 12), {"multipliers": (1, 2, 3), "blocks": 2}),
        ((3, 10, 8), {"attention": (5,), "dropout": 0.1}),
        ((2, 8, 8), {"channels": 12, "attention": (4, 8)}),
        ((1, 7, 5), {"multipliers": (1, 1, 2)}),
        ((2, 13), {"multipliers": (1, 1, 2), "attention": (4,)}),
        ((1, 4, 5, 3), {"multipliers": (1, 2)}),
        ((13,), {"axes": 1, "multipliers": (1, 2)}),
        ((4, 5, 3), {"axes": 3, "multipliers": (1, 2)}),
    ],
)
def test_every_layout_has_a_velocity_and_gradients(shape, options) -> None:
    torch.manual_seed(0)
    network = perturbed(UNet(shape, num_outputs=2, **{"channels": 16} | options)).eval()
    x, t, h = torch.randn(2, *shape, dtype=torch.float64), torch.tensor([0.2, 0.7], dtype=torch.float64), 1e-6
    value, velocity = with_velocity(lambda time: network(x, time), t)
    assert value.shape == (2, 2, *shape)
    difference = (network(x, t + h) - network(x, t - h)) / (2 * h)
    torch.testing.assert_close(velocity, difference, rtol=1e-5, atol=1e-5 * velocity.abs().max().item())
    (value.square().mean() + velocity.square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0, name


def test_blocks_and_attention_are_where_they_are_asked_for() -> None:
    network = UNet((1, 16, 16), channels=16, multipliers=(1, 2, 2), blocks=2, attention=(8, 4))
    level, found = network.levels, []
    while level is not None:
        blocks = [*level.encoder, *level.decoder]
        found.append((len(blocks), sum(isinstance(block.attention, SelfAttention) for block in blocks)))
        level = level.below
    assert found == [(4, 0), (4, 4), (4, 4)]


@pytest.mark.parametrize("sizes", [(16, 16), (13, 16), (15,), (7, 8, 5)])
def test_every_place_reaches_every_place_through_the_levels(sizes) -> None:
    torch.manual_seed(0)
    network = perturbed(UNet((1, *sizes), channels=16, multipliers=(1, 1, 1)))
    x = torch.randn(1, 1, *sizes, dtype=torch.float64, requires_grad=True)
    network(x, torch.tensor([0.5], dtype=torch.float64)).flatten()[0].backward()
    assert (x.grad != 0).all()


def test_events_without_channels_are_those_of_one() -> None:
    """`axes` only says that the axis of channels is not there."""
    torch.manual_seed(0)
    with_it, without = perturbed(UNet((1, 11), channels=16)), UNet((11,), channels=16, axes=1).double()
    without.load_state_dict(with_it.state_dict())
    x, t = torch.randn(3, 11, dtype=torch.float64), torch.rand(3, dtype=torch.float64)
    torch.testing.assert_close(without(x, t), with_it(x[:, None], t).squeeze(2))


def test_an_image_of_one_row_is_a_signal() -> None:
    """A U-Net over two axes, of which one has size 1, computes what the U-Net over the other does."""
    torch.manual_seed(0)
    signal, image = perturbed(UNet((2, 11), channels=16)), UNet((2, 1, 11), channels=16).double()
    padded = {  # a 3x3 convolution of one row sees its middle row alone
        name: torch.stack((torch.zeros_like(w), w, torch.zeros_like(w)), dim=2)
        if w.ndim == 3 and w.shape[2] == 3
        else w.unsqueeze(2)
        if w.ndim == 3
        else w
        for name, w in signal.state_dict().items()
    }
    image.load_state_dict(padded)
    x, t = torch.randn(3, 2, 11, dtype=torch.float64), torch.rand(3, dtype=torch.float64)
    torch.testing.assert_close(image(x[:, :, None], t)[:, :, :, 0], signal(x, t))


def test_heads_are_ordered_before_channels() -> None:
    """Head k is channels k C .. (k + 1) C of the last convolution."""
    network = UNet((3, 8, 8), num_outputs=2, channels=16)
    nn.init.constant_(network.leave[-1].bias[3:], 1.0)
    heads = network(torch.randn(1, 3, 8, 8), torch.tensor([0.5]))
    assert torch.equal(heads, torch.stack((torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)), dim=1))


@pytest.mark.parametrize(
    ("shape", "options", "line"),
    [
        ((64,), {}, "got event_shape (64,); expected (C, L), (C, H, W) or (C, D, H, W); use MLP for events of another"),
        ((64, 3), {"axes": 3}, "got event_shape (64, 3) for 3 axes; expected (C, L), (C, H, W) or (C, D, H, W)"),
        ((1, 2, 2), {"multipliers": (1, 1, 1)}, "got events of 2x2 for 3 resolutions; expected a size above 2"),
        ((1, 8, 8), {"multipliers": ()}, "got multipliers = []; expected one or more"),
        ((1, 8, 8), {"blocks": 0}, "got blocks = 0; expected a whole number"),
        ((1, 8, 8), {"attention": (2,)}, "got attention at heights (2,); expected heights among (8, 4)"),
    ],
)
def test_wrong_shapes_are_refused_in_one_line(shape, options, line) -> None:
    with pytest.raises(InputError) as error:
        UNet(shape, **options)
    assert str(error.value).startswith(line) and "\n" not in str(error.value)
