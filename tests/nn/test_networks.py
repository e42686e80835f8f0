"""The contract of every network found in ndm/nn, by the file it lives in."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import jvp

from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.spec import Spec
from ndm.nn.embeddings import NO_LABEL
from ndm.nn.network import Network

NETWORKS = axes.NETWORKS.every()
EVENT = (2, 8, 8)
BATCH = 3


@pytest.fixture(params=sorted(NETWORKS))
def kind(request) -> type[Network]:
    torch.manual_seed(0)
    return NETWORKS[request.param]


def perturbed(part: nn.Module) -> nn.Module:
    """The part in float64, with no parameter left at its zero initialisation."""
    for parameter in part.double().parameters():
        nn.init.normal_(parameter, std=0.2)
    return part


def batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    x, t = torch.randn(BATCH, *EVENT, dtype=dtype), torch.linspace(0.1, 0.9, BATCH, dtype=dtype)
    return x, t, torch.tensor([0, 2, 4])


def test_the_networks_of_the_library_are_found() -> None:
    assert {"mlp", "unet"} <= set(NETWORKS)


def test_a_fresh_network_is_exactly_zero(kind) -> None:
    x, t, cond = batch(torch.float32)
    network = kind.from_spec(Spec(EVENT, num_classes=5), num_outputs=3)
    for label in (None, cond):
        heads = network(x, t, label)
        assert heads.shape == (BATCH, 3, *EVENT) and heads.dtype == torch.float32
        assert torch.equal(heads, torch.zeros_like(heads))


def test_a_fresh_network_learns(kind) -> None:
    """One step of gradient descent moves the zero output towards its target."""
    x, t, _ = batch(torch.float32)
    network = kind.from_spec(Spec(EVENT))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    before = (network(x, t)[:, 0] - x).square().mean()
    before.backward()
    optimizer.step()
    assert (network(x, t)[:, 0] - x).square().mean() < before


def test_derivative_in_time_is_that_of_central_differences(kind) -> None:
    x, t, cond = batch()
    network = perturbed(kind.from_spec(Spec(EVENT, num_classes=5), num_outputs=2))
    value, velocity = jvp(lambda time: network(x, time, cond), (t,), (torch.ones_like(t),))
    h = 1e-6
    difference = (network(x, t + h, cond) - network(x, t - h, cond)) / (2 * h)
    assert velocity.abs().max() > 1e-3
    torch.testing.assert_close(value, network(x, t, cond))
    torch.testing.assert_close(velocity, difference, rtol=1e-5, atol=1e-5 * velocity.abs().max().item())


def test_derivative_in_the_event_is_that_of_central_differences(kind) -> None:
    x, t, _ = batch()
    network, direction = perturbed(kind.from_spec(Spec(EVENT))), torch.randn_like(x)
    _, derivative = jvp(lambda event: network(event, t), (x,), (direction,))
    h = 1e-6
    difference = (network(x + h * direction, t) - network(x - h * direction, t)) / (2 * h)
    torch.testing.assert_close(derivative, difference, rtol=1e-5, atol=1e-5 * derivative.abs().max().item())


def test_gradients_of_value_and_velocity_reach_every_parameter(kind) -> None:
    x, t, cond = batch()
    network = perturbed(kind.from_spec(Spec(EVENT, num_classes=5)))
    value, velocity = jvp(lambda time: network(x, time, cond), (t,), (torch.ones_like(t),))
    (value.square().mean() + velocity.square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_gradient_of_the_velocity_is_that_of_central_differences(kind) -> None:
    """`jvp`, then `backward`, along a random direction of all parameters."""
    x, t, _ = batch()
    network = perturbed(kind.from_spec(Spec(EVENT)))

    def energy() -> Tensor:
        value, velocity = jvp(lambda time: network(x, time), (t,), (torch.ones_like(t),))
        return value.mean() + velocity.square().mean()

    energy().backward()
    directions = [torch.randn_like(parameter) for parameter in network.parameters()]
    exact = sum((p.grad * d).sum() for p, d in zip(network.parameters(), directions, strict=True))
    h, values = 1e-6, []
    for step in (h, -2 * h):
        with torch.no_grad():
            for parameter, direction in zip(network.parameters(), directions, strict=True):
                parameter.add_(direction, alpha=step)
            values.append(energy())
    torch.testing.assert_close((values[0] - values[1]) / (2 * h), exact.detach(), rtol=1e-4, atol=0.0)


def test_an_example_does_not_depend_on_its_neighbours(kind) -> None:
    x, t, cond = batch()
    network = perturbed(kind.from_spec(Spec(EVENT, num_classes=5)))
    together = network(x, t, cond)
    for i in range(BATCH):
        torch.testing.assert_close(together[i], network(x[i : i + 1], t[i : i + 1], cond[i : i + 1])[0])


def test_time_and_label_matter(kind) -> None:
    x, t, cond = batch()
    network = perturbed(kind.from_spec(Spec(EVENT, num_classes=5)))
    output = network(x, t, cond)
    for other in (network(x, t + 0.05, cond), network(x, t, cond.roll(1)), network(x, t)):
        assert (output - other).abs().flatten(1).amax(1).min() > 1e-4


def test_no_label_is_minus_one_and_never_a_class(kind) -> None:
    x, t, _ = batch()
    network = perturbed(kind.from_spec(Spec(EVENT, num_classes=5)))
    torch.testing.assert_close(network(x, t), network(x, t, torch.full((BATCH,), NO_LABEL)))
    with pytest.raises(InputError, match="label 5 of example 1"):
        network(x, t, torch.tensor([0, 5, 1]))


def test_memory_format_of_the_input_does_not_matter(kind) -> None:
    x, t, _ = batch()
    network = perturbed(kind.from_spec(Spec(EVENT)))
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last), t), network(x, t))


def test_bfloat16_autocast_stays_close(kind) -> None:
    x, t, _ = batch(torch.float32)
    network = kind.from_spec(Spec(EVENT))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        low = network(x, t)
    low.float().square().mean().backward()
    exact = network(x, t)
    assert (low - exact).abs().max() < 0.05 * exact.abs().max()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_a_configuration_makes_the_same_network(kind) -> None:
    x, t, cond = batch()
    network = perturbed(kind.from_spec(Spec(EVENT, num_classes=5), num_outputs=2))
    copy = Part.from_config(network.config).double()
    copy.load_state_dict(network.state_dict())
    assert type(copy) is kind and copy.config == network.config
    assert torch.equal(copy(x, t, cond), network(x, t, cond))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda x, t, c: (x[:, :1], t, c), "got a batch of shape (3, 1, 8, 8); expected (B, 2, 8, 8)"),
        (lambda x, t, c: (x, t[0], c), "got t of shape (); expected one time per example, (3,)"),
        (lambda x, t, c: (x, t, c[:2]), "got cond of shape (2,) and torch.int64; expected labels of shape (3,)"),
        (lambda x, t, c: (x, t, c.float()), "got cond of shape (3,) and torch.float32; expected labels"),
        (lambda x, t, c: (x, t, c + 2), "got label 6 of example 2; expected labels from 0 to 4, or -1 for no label"),
        (lambda x, t, c: (x.numpy(), t, c), "got a NumPy array for x; expected a torch.Tensor"),
        (lambda x, t, c: (x, t.numpy(), c), "got a NumPy array for t; expected a torch.Tensor"),
        (lambda x, t, c: (x, t, c.numpy()), "got a NumPy array for cond; expected a torch.Tensor"),
        (lambda x, t, c: (x, 0.5, c), "got a float for t; expected a torch.Tensor"),
        (lambda x, t, c: (x, t, c.tolist()), "got a list for cond; expected a torch.Tensor"),
    ],
)
def test_wrong_inputs_are_refused_in_one_line(kind, change, line) -> None:
    network = kind.from_spec(Spec(EVENT, num_classes=5))
    with pytest.raises(InputError) as error:
        network(*change(*batch(torch.float32)))
    assert str(error.value).startswith(line) and "\n" not in str(error.value)


def test_labels_are_refused_without_classes(kind) -> None:
    with pytest.raises(InputError, match="num_classes=0"):
        kind.from_spec(Spec(EVENT))(*batch(torch.float32))


@pytest.mark.parametrize("shape", [(), (1, 0, 8)])
def test_an_empty_event_is_refused(kind, shape) -> None:
    with pytest.raises(InputError, match="positive sizes"):
        kind.from_spec(Spec(shape))
