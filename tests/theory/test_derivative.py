"""The default velocity: one forward-mode derivative, sound whatever it meets."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ndm.derivative import with_velocity
from ndm.errors import InputError

from .models import assert_close, derivative

LAYERS = {
    "tanh": torch.tanh,
    "softmax": lambda h: h.softmax(-1),
    "softmax of torch": lambda h: torch.softmax(h, 1),
    "softmax of F": lambda h: F.softmax(h, dim=-1),
    "Softmax": nn.Softmax(dim=1),
    "log_softmax": lambda h: h.log_softmax(-1),
    "logsumexp": lambda h: h.logsumexp(1),
    "logsumexp kept": lambda h: torch.logsumexp(h, (1, 2), keepdim=True),
    "attention": lambda h: nn.functional.multi_head_attention_forward(
        h, h, h, 6, 1, torch.ones(18, 6) + torch.eye(18, 6), torch.zeros(18), None, None, False, 0.0, torch.eye(6),
        torch.zeros(6))[0],
    "layer norm": lambda h: F.layer_norm(h, (4, 6), torch.arange(24.0).reshape(4, 6), torch.ones(4, 6)),
    "LayerNorm": nn.LayerNorm(6).double(),
    "InstanceNorm": nn.InstanceNorm1d(4).double(),
    "InstanceNorm of running statistics": nn.InstanceNorm1d(4, track_running_stats=True).double().eval(),
    "BatchNorm of running statistics": nn.BatchNorm1d(4).double().eval(),
    "group norm": lambda h: F.group_norm(h, 2),
    "logcumsumexp": lambda h: h.logcumsumexp(1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_value_velocity_and_their_gradients(name) -> None:
    """Against central differences of the value, and of an energy made of both."""
    x, t = torch.randn(3, 4, 6, requires_grad=True), torch.tensor([0.2, 0.5, 0.9])

    def f(u: Tensor) -> Tensor:
        return LAYERS[name](x * torch.sin(3 * u[:, None, None]) + u[:, None, None] * x**2)

    def energy(u: Tensor) -> Tensor:
        value, velocity = with_velocity(f, u)
        return value.sin().sum() + velocity.square().sum()

    value, velocity = with_velocity(f, t)
    assert_close(value, f(t))
    assert_close(velocity, derivative(f, t), rtol=1e-8, atol=1e-8)

    (gradient,) = torch.autograd.grad(energy(t), x)
    start, direction = x.detach().clone(), torch.randn_like(x)

    def moved(size: Tensor) -> Tensor:
        with torch.no_grad():
            x.copy_(start + size * direction)
        return energy(t).detach()

    assert_close((gradient * direction).sum(), derivative(moved, torch.zeros(())), rtol=1e-7)


def test_one_time_for_all() -> None:
    value, velocity = with_velocity(lambda t: t**3 * torch.ones(2, 3), torch.tensor(2.0).expand(()))
    assert_close(value, 8.0)
    assert_close(velocity, 12.0)


def test_an_expanded_time_is_a_time_each() -> None:
    x = torch.randn(4)
    _, velocity = with_velocity(lambda t: t**2 * x, torch.tensor(0.5).expand(4))
    assert_close(velocity, x)


def test_what_does_not_depend_on_the_time_stands_still() -> None:
    x = torch.randn(2, 3)
    value, velocity = with_velocity(lambda t: x, torch.rand(2))
    assert torch.equal(value, x) and torch.equal(velocity, torch.zeros_like(x))


@pytest.mark.parametrize("outer", [torch.func.jacfwd, torch.func.jacrev, torch.func.hessian])
def test_it_nests(outer) -> None:
    """d/dz of d/dt sin(t z) = z cos(t z), and the second derivative."""
    t, z = torch.tensor([0.3, 0.7]), torch.randn(2)

    def velocity(z: Tensor) -> Tensor:
        return with_velocity(lambda u: torch.sin(u * z), t)[1].sum()

    first, second = torch.cos(t * z) - t * z * torch.sin(t * z), -2 * t * torch.sin(t * z) - t**2 * z * torch.cos(t * z)
    assert_close(outer(velocity)(z), torch.diag(second) if outer is torch.func.hessian else first)


def test_it_is_mapped() -> None:
    t, z = torch.tensor([0.3, 0.7]), torch.randn(5, 2)
    mapped = torch.func.vmap(lambda z: with_velocity(lambda u: torch.sin(u * z), t)[1])(z)
    assert_close(mapped, z * torch.cos(t * z))


def test_a_norm_of_the_batch_is_refused() -> None:
    with pytest.raises(InputError, match="group or layer norm"):
        with_velocity(lambda t: nn.BatchNorm1d(3)(t[:, None] * torch.ones(4, 3)), torch.rand(4))


def test_an_error_of_the_function_is_its_own() -> None:
    with pytest.raises(RuntimeError, match="size of tensor"):
        with_velocity(lambda t: t * torch.ones(3), torch.rand(2))
