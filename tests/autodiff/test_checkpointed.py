"""Blocks computed again in the backward pass: nothing changes but memory and work."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ndm.autodiff.checkpointed import Block, checkpoint_activations
from ndm.autodiff.derivative import with_velocity
from ndm.base.errors import InputError
from ndm.nn.layers import HiddenLayer
from ndm.nn.network import Network
from ndm.nn.networks.mlp import MLP
from ndm.nn.networks.unet import UNet

NETWORKS = {
    "unet": lambda: UNet((3, 8, 8), num_outputs=2, channels=16, multipliers=(1, 2), attention=(4,), num_classes=3),
    "unet with dropout": lambda: UNet((3, 8, 8), channels=16, multipliers=(1,), blocks=2, dropout=0.3),
    "mlp": lambda: MLP((3, 8, 8), width=16, depth=2),
}


def value_alone(network: Network, x: Tensor, t: Tensor) -> Tensor:
    return network(x, t).sin().sum()


def value_and_velocity(network: Network, x: Tensor, t: Tensor) -> Tensor:
    value, velocity = with_velocity(lambda time: network(x, time), t)
    return value.sin().sum() + velocity.cos().sum()


def velocity_alone(network: Network, x: Tensor, t: Tensor) -> Tensor:
    return with_velocity(lambda time: network(x, time), t)[1].cos().sum()


def velocity_along_data(network: Network, x: Tensor, t: Tensor) -> Tensor:
    """Every input of a block but the embedding moves."""
    return with_velocity(lambda time: network(x * time.sin()[:, None, None, None], t), t)[1].cos().sum()


def by_functions(network: Network, x: Tensor, t: Tensor) -> Tensor:
    """`torch.func.jvp` in place of dual numbers."""
    value, velocity = torch.func.jvp(lambda time: network(x, time), (t,), (torch.ones_like(t),))
    return value.sin().sum() + velocity.cos().sum()


LOSSES = [value_alone, value_and_velocity, velocity_alone, velocity_along_data, by_functions]


def pair(name: str, dtype: torch.dtype = torch.float64) -> tuple[Network, Network]:
    """A network that is no longer fresh, and the same one with checkpointing."""
    network = NETWORKS[name]().to(dtype)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    recomputing = copy.deepcopy(network)
    checkpoint_activations(recomputing)
    return network, recomputing


def inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    return torch.randn(4, 3, 8, 8, dtype=dtype, requires_grad=True), torch.rand(4, dtype=dtype)


def results(loss, network: Network, x: Tensor, t: Tensor) -> list[Tensor | None]:
    """The loss, its gradients in the data and every parameter, and the next random number, all from one seed."""
    torch.manual_seed(3)
    value = loss(network, x, t)
    gradients = torch.autograd.grad(value, [x, *network.parameters()], allow_unused=True)
    return [value.detach(), *gradients, torch.rand(1)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_those_without(name, loss) -> None:
    network, recomputing = pair(name)
    x, t = inputs()
    torch.testing.assert_close(results(loss, recomputing, x, t), results(loss, network, x, t), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("loss", LOSSES[:2])
@pytest.mark.parametrize("inside", [False, True], ids=["backward outside", "backward inside"])
def test_gradients_under_bf16_autocast_are_those_without(loss, inside) -> None:
    """The same block twice in one pass too, where a cached cast of its weights would have lost their gradient."""
    network, recomputing = pair("unet", torch.float32)
    x, t = inputs(torch.float32)

    def gradients(network: Network) -> tuple[Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(network, x, t) + loss(network, x + 1, t)
            found = torch.autograd.grad(value, list(network.parameters()), allow_unused=True) if inside else None
        return found or torch.autograd.grad(value, list(network.parameters()), allow_unused=True)

    for ours, theirs in zip(gradients(recomputing), gradients(network), strict=True):
        assert (ours is None) == (theirs is None)
        assert ours is None or (ours - theirs).norm() <= 0.02 * theirs.norm()


def test_two_passes_over_one_graph_see_the_same_masks() -> None:
    network, recomputing = pair("unet with dropout")
    x, t = inputs()
    for each in (network, recomputing):
        torch.manual_seed(3)
        value = value_and_velocity(each, x, t)
        torch.manual_seed(4)
        first, second = (torch.autograd.grad(value, x, retain_graph=True)[0] for _ in range(2))
        assert torch.equal(first, second)


def test_frozen_weights_get_no_gradient_though_they_are_free_when_it_is_asked_for() -> None:
    """As the kinetic energy holds them still for a while."""
    found = []
    for network in pair("unet"):
        x, t = inputs()
        network.requires_grad_(False)
        value = value_and_velocity(network, x.detach().fill_(0.5).requires_grad_(), t.fill_(0.3))
        assert not value.requires_grad or value.grad_fn is not None
        network.requires_grad_(True)
        value.backward()
        assert all(parameter.grad is None for parameter in network.parameters())
        found.append(value.detach())
    assert torch.equal(*found)


def test_weights_changed_before_the_backward_pass_are_an_error() -> None:
    _, recomputing = pair("mlp")
    value = value_alone(recomputing, *inputs())
    with torch.no_grad():
        recomputing.blocks[0].enter.weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_hooks_see_a_gradient_once() -> None:
    """Those of weights, by which gradients are shared between processes, and those of inputs."""
    for network in pair("mlp"):
        seen = []
        weight = network.blocks[0].enter.weight
        weight.register_hook(lambda gradient: seen.append("gradient") or 2 * gradient)  # noqa: B023
        weight.register_post_accumulate_grad_hook(lambda parameter: seen.append("accumulated"))  # noqa: B023
        value_and_velocity(network, *inputs()).backward()
        assert seen == ["gradient", "accumulated"]


def kept(loss, network: Network) -> int:
    """Bytes that the graph keeps for the backward pass."""
    sizes = []

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            sizes.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss(network, *inputs(torch.float32))
    return sum(sizes)


@pytest.mark.parametrize("loss", LOSSES[:2])
def test_it_takes_less_memory_and_a_third_more_work(loss) -> None:
    network, recomputing = (UNet((3, 8, 8), channels=16, multipliers=(1,), blocks=6).float() for _ in range(2))
    checkpoint_activations(recomputing)
    assert kept(loss, recomputing) < kept(loss, network) / (2 if loss is value_alone else 4)
    flops = []
    for each in (network, recomputing):
        with FlopCounterMode(display=False) as counter:
            loss(each, *inputs(torch.float32)).backward()
        flops.append(counter.get_total_flops())
    assert math.isclose(flops[1] / flops[0], 4 / 3, rel_tol=0.05)


def test_nothing_is_recomputed_in_evaluation_or_without_gradients(monkeypatch) -> None:
    _, recomputing = pair("mlp")
    calls = []
    compute = type(recomputing.blocks[0]).compute
    monkeypatch.setattr(type(recomputing.blocks[0]), "compute", lambda *given: calls.append(1) or compute(*given))
    x, t = inputs()
    with torch.no_grad():
        value_and_velocity(recomputing, x, t)
    value_alone(recomputing.eval(), x, t).backward()
    assert len(calls) == 2 * 2
    value_alone(recomputing.train(), x, t).backward()
    assert len(calls) == 2 * 2 + 4


def test_examples_are_mapped_over() -> None:
    network, recomputing = pair("mlp")
    x, t = inputs()
    torch.testing.assert_close(torch.func.vmap(recomputing)(x[:, None], t[:, None])[:, 0], network(x, t))


def test_weights_and_copies_are_as_before() -> None:
    network, recomputing = pair("unet")
    assert network.state_dict().keys() == recomputing.state_dict().keys() and network.config == recomputing.config
    copied = copy.deepcopy(recomputing)
    assert all(block.checkpointed for block in copied.modules() if isinstance(block, Block))
    recomputing.load_state_dict(network.state_dict())


def test_a_model_without_blocks_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^got checkpointing for a model without blocks; expected .*; leave it out"):
        checkpoint_activations(HiddenLayer((2,)))
