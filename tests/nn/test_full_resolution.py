"""The network of one resolution: what it sees, what it refuses, and that depth leaves a fresh one alone."""

import pytest
import torch
from torch.func import jvp

from ndm.base.errors import InputError
from ndm.nn.networks.full_resolution import FullResolution, Waves


def test_waves_tell_neighbouring_levels_apart():
    """A level of 256 is 1/128 from the next: half a turn of the wave of octave 6, a whole one of octave 7."""
    x = torch.tensor([0.0, 1 / 128]).reshape(2, 1, 1, 1)
    one, other = Waves((6, 7))(x).flatten(1)
    torch.testing.assert_close(one, torch.tensor([0.0, 0, 0, 1, 1]))
    torch.testing.assert_close(other, torch.tensor([1 / 128, 0, 0, -1, 1]), atol=1e-5, rtol=0)


def test_no_waves_leave_the_image():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(Waves(())(x), x)


def test_a_fresh_stack_of_any_depth_hands_on_what_entered():
    """Blocks are the identity at first; those on the way up mix two of the same size by a 1x1 convolution."""
    network = FullResolution((1, 4, 4), channels=16, blocks=20)
    h, embedding = torch.randn(2, 16, 4, 4), torch.randn(2, 64)
    for block in (*network.down, *network.middle):
        assert torch.equal(block(h, embedding), h)


def test_the_velocity_in_t_is_finite_at_depth():
    network = FullResolution((3, 4, 4), channels=16, blocks=20)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    t = torch.rand(2)
    _, velocity = jvp(lambda time: network(torch.randn(2, 3, 4, 4), time), (t,), (torch.ones_like(t),))
    assert velocity.isfinite().all() and velocity.abs().max() > 0


@pytest.mark.parametrize(
    ("event_shape", "options", "got"),
    [
        ((8,), {}, "event_shape"),
        ((1, 4, 4), {"octaves": [-1]}, "octaves"),
        ((1, 4, 4), {"octaves": [0.5]}, "octaves"),
        ((1, 4, 4), {"dropout": 1.0}, "dropout"),
        ((1, 4, 4), {"blocks": 0}, "blocks"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(event_shape, options, got):
    with pytest.raises(InputError, match=got):
        FullResolution(event_shape, **options)
