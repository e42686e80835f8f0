"""The default velocity: one forward-mode derivative, sound whatever it meets."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from exact_models import assert_close, derivative
from torch import Tensor, nn
from torch.autograd import forward_ad

from ndm.autodiff.derivative import with_tangent, with_velocity
from ndm.base.errors import InputError

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
        h,
        h,
        h,
        6,
        1,
        torch.ones(18, 6) + torch.eye(18, 6),
        torch.zeros(18),
        None,
        None,
        False,
        0.0,
        torch.eye(6),
        torch.zeros(6),
    )[0],
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


def in_inference_mode(*x: Tensor) -> tuple[Tensor, ...]:
    """Copies that are made there."""
    with torch.inference_mode():
        return tuple(each.clone() for each in x)


@pytest.mark.parametrize("name", LAYERS)
def test_inference_mode_has_the_derivatives_of_no_grad(name) -> None:
    """To the last bit, within it and outside of it with tensors that were made there."""
    x, t = torch.randn(3, 4, 6), torch.tensor([0.2, 0.5, 0.9])

    def velocities(x: Tensor, t: Tensor) -> Tensor:
        return torch.stack(
            with_velocity(lambda u: LAYERS[name](x * torch.sin(3 * u[:, None, None]) + u[:, None, None] * x**2), t)
        )

    made = in_inference_mode(x, t)
    with torch.no_grad():
        expected, outside = velocities(x, t), velocities(*made)
    with torch.inference_mode():
        within, of_made = velocities(x, t), velocities(*made)
    assert all(torch.equal(found, expected) for found in (outside, within, of_made))
    assert expected[1].abs().max() > 0.01


def test_a_tangent_of_what_was_made_in_inference_mode_is_not_lost() -> None:
    (x,) = in_inference_mode(torch.randn(3))
    value, tangent = with_tangent(torch.sin, (x,), (torch.ones(3),))
    assert torch.equal(value, torch.sin(x)) and torch.equal(tangent, torch.cos(x))


def test_it_records_a_gradient_exactly_where_its_caller_does() -> None:
    x = torch.randn(3, requires_grad=True)
    t = torch.rand(3)
    for mode, expected in ((torch.enable_grad, True), (torch.no_grad, False), (torch.inference_mode, False)):
        with mode():
            value, velocity = with_velocity(lambda u: torch.sin(u * x), t)
            assert value.requires_grad is velocity.requires_grad is torch.is_grad_enabled() is expected


def test_dual_numbers_that_are_switched_off_are_not_zero_velocities() -> None:
    t = torch.rand(3)
    with forward_ad._set_fwd_grad_enabled(False):
        assert_close(with_velocity(torch.sin, t)[1], torch.cos(t))


@torch.inference_mode()
def sin_in_inference_mode(t: Tensor) -> Tensor:
    return torch.sin(t)


UNSEEN = {
    "numpy": lambda t: torch.from_numpy(np.sin(t.numpy())),
    "numpy of a part": lambda t: t + torch.from_numpy(np.sin(t.numpy())),
    "detach": lambda t: torch.sin(t.detach()),
    "data": lambda t: torch.sin(t.data),
    "item": lambda t: torch.tensor([math.sin(u.item()) for u in t]),
    "inference mode": sin_in_inference_mode,
    "a fallback": lambda t: t.detach()[:, None].expand(3, 2).logcumsumexp(1),  # `torch.func.jvp` in place of duals
}


@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_a_derivative_that_is_not_seen_is_refused(name, mode) -> None:
    """It would be 0, or lack a term."""
    with mode(), pytest.raises(InputError, match=r"override with_velocity|by with_velocity"):
        with_velocity(UNSEEN[name], torch.tensor([0.2, 0.5, 0.9]))


def test_indices_that_are_detached_are_no_derivative() -> None:
    """A table that is interpolated looks up its interval outside of the derivative."""
    knots = torch.tensor([0.0, 1.0, 4.0, 9.0])

    def f(t: Tensor) -> Tensor:
        k = torch.from_numpy(np.floor(3 * t.detach().numpy())).long()
        return knots[k] + (3 * t - k) * (knots[k + 1] - knots[k])

    value, velocity = with_velocity(f, torch.tensor([0.1, 0.5, 0.9]))
    assert_close(value, torch.tensor([0.3, 2.5, 7.5]))
    assert_close(velocity, torch.tensor([3.0, 9.0, 15.0]))


def test_a_constant_with_random_masks_stands_still_and_draws_no_more_numbers() -> None:
    x = torch.randn(5, 100)
    torch.manual_seed(3)
    value, velocity = with_velocity(lambda t: F.dropout(x, 0.5), torch.rand(5))
    after = torch.rand(1)
    torch.manual_seed(3)
    torch.rand(5)
    assert torch.equal(value, F.dropout(x, 0.5)) and torch.equal(after, torch.rand(1))
    assert torch.equal(velocity, torch.zeros_like(x))


SQUARE = 3 * torch.eye(3, dtype=torch.float64)
LINEAR = {
    "det": lambda a: torch.linalg.det(a),
    "slogdet": lambda a: torch.linalg.slogdet(a).logabsdet,
    "logdet": lambda a: a.logdet(),
    "solve": lambda a: torch.linalg.solve(a, torch.ones(3, 1)),
    "householder_product": lambda a: torch.linalg.householder_product(a, a[0].sigmoid()),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_wrong_gradient_of_a_derivative_is_refused_and_the_derivative_is_right(name) -> None:
    """With torch 2.13 tangents through these have no gradient, or a wrong one, without a word."""
    theta, t = torch.randn(3, 3, requires_grad=True), torch.tensor(0.4)

    def f(u: Tensor) -> Tensor:
        return LINEAR[name](SQUARE + u * theta)

    with pytest.raises(InputError, match="in t, which PyTorch has wrong"):
        with_velocity(f, t)
    with torch.no_grad():
        assert_close(with_velocity(f, t)[1], derivative(f, t), rtol=1e-7, atol=1e-9)
