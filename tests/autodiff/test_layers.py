"""Layers with forward derivatives of their own, against PyTorch's."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import grad, jacfwd, jacrev, jvp, vmap

from ndm.autodiff.layers import (
    Conv2d,
    Dropout,
    GroupNorm,
    Linear,
    NormTangent,
    SiLU,
    SiLUTangent,
    modulate,
)

PAIRS = {
    "linear": (Linear(5, 4), nn.Linear(5, 4), (3, 5)),
    "conv": (Conv2d(4, 6, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1), (2, 4, 5, 3)),
    "silu": (SiLU(), nn.SiLU(), (3, 5)),
    "norm": (GroupNorm(2, 6), nn.GroupNorm(2, 6), (2, 6, 3, 4)),
    "norm of one group": (GroupNorm(1, 3), nn.GroupNorm(1, 3), (2, 3, 4, 4)),
}


@pytest.fixture(params=PAIRS)
def case(request) -> tuple[nn.Module, nn.Module, Tensor, Tensor]:
    """Our layer and PyTorch's with the same weights, a value and a tangent; some in channels-last memory."""
    ours, theirs, shape = PAIRS[request.param]
    torch.manual_seed(0)
    for parameter in ours.double().parameters():
        nn.init.normal_(parameter)
    theirs.double().load_state_dict(ours.state_dict())
    x, v = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(2))
    return ours, theirs, x, v.to(memory_format=torch.channels_last) if request.param == "norm" else v


def test_it_is_pytorchs_layer_where_nothing_is_derived(case) -> None:
    ours, theirs, x, _ = case
    assert torch.equal(ours(x), theirs(x)) and ours.state_dict().keys() == theirs.state_dict().keys()


def test_value_and_tangent_are_pytorchs(case) -> None:
    ours, theirs, x, v = case
    torch.testing.assert_close(jvp(ours, (x,), (v,)), jvp(theirs, (x,), (v,)))
    with forward_ad.dual_level():
        value, tangent = forward_ad.unpack_dual(ours(forward_ad.make_dual(x, v)))
    torch.testing.assert_close((value, tangent), jvp(theirs, (x,), (v,)))


def test_gradients_of_value_and_tangent_are_pytorchs(case) -> None:
    """In the value, the tangent and every parameter."""
    ours, theirs, x, v = case

    def gradients(layer: nn.Module) -> tuple[Tensor, ...]:
        value, tangent = jvp(layer, (x,), (v,))
        return torch.autograd.grad(value.sin().sum() + tangent.cos().sum(), [x, v, *layer.parameters()])

    torch.testing.assert_close(gradients(ours), gradients(theirs))


def test_derivatives_nest(case) -> None:
    """Forward over forward, and reverse over both: a divergence, and its gradient."""
    ours, theirs, x, v = case

    def second(layer: nn.Module, x: Tensor) -> Tensor:
        return jvp(lambda x: jvp(layer, (x,), (v,))[1], (x,), (v.sin(),))[1]

    torch.testing.assert_close(second(ours, x), second(theirs, x))
    torch.testing.assert_close(
        grad(lambda x: second(ours, x).sin().sum())(x), grad(lambda x: second(theirs, x).sin().sum())(x)
    )


def test_jacobians_of_both_modes_agree(case) -> None:
    ours, _, x, _ = case
    torch.testing.assert_close(jacfwd(ours)(x), jacrev(ours)(x))


@pytest.mark.parametrize(
    "tangent",
    [SiLUTangent.apply, lambda x, v: NormTangent.apply(x, v, 2, 1e-5), lambda x, v: NormTangent.apply(x, v, 2, 0.3)],
    ids=["silu", "norm", "norm with a large eps"],
)
def test_tangents_have_every_derivative(tangent) -> None:
    inputs = [torch.randn(2, 4, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(tangent, inputs, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(tangent, inputs)


def test_tangents_are_mapped_over_a_batch_of_batches() -> None:
    x, v = torch.randn(2, 3, 2, 4, 3, 3, dtype=torch.float64)
    tangent = partial(NormTangent.apply, num_groups=2, eps=1e-5)
    torch.testing.assert_close(vmap(tangent)(x, v), torch.stack([tangent(x[k], v[k]) for k in range(3)]))
    torch.testing.assert_close(
        vmap(tangent, (None, 1))(x[0], v.movedim(0, 1)), torch.stack([tangent(x[0], v[k]) for k in range(3)])
    )


def test_the_tangent_of_a_constant_group_is_finite() -> None:
    """There J v = eps^(-1/2) (v - m(v))."""
    x, v = torch.ones(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    value, tangent = jvp(GroupNorm(1, 4, eps=0.01), (x,), (v,))
    torch.testing.assert_close(value, torch.zeros_like(x))
    torch.testing.assert_close(tangent, 10 * (v - v.mean()))


@pytest.mark.parametrize("carrying", ["x", "scale and shift", "all"])
def test_modulation_is_the_product_rule(carrying) -> None:
    """In value, tangent and gradients it is what PyTorch makes of the formula."""
    inputs = [torch.randn(2, 3, *end, dtype=torch.float64, requires_grad=True) for end in ((4,), (1,), (1,))]
    moved = {"x": [0], "scale and shift": [1, 2], "all": [0, 1, 2]}[carrying]
    primals, tangents = [inputs[k] for k in moved], [torch.randn_like(inputs[k]).requires_grad_() for k in moved]

    def results(function) -> tuple[Tensor, ...]:
        def of_moved(*values: Tensor) -> Tensor:
            given = dict(zip(moved, values, strict=True))
            return function(*(given.get(k, inputs[k]) for k in range(3)))

        value, tangent = jvp(of_moved, tuple(primals), tuple(tangents))
        gradients = torch.autograd.grad(value.sin().sum() + tangent.cos().sum(), [*inputs, *tangents])
        return value, tangent, *gradients

    torch.testing.assert_close(results(modulate), results(lambda x, scale, shift: x * (1 + scale) + shift))


@pytest.mark.parametrize("p", [0.1, 0.15, 0.5])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_dropout_keeps_each_number_by_itself(p, memory):
    """The share that is kept, its factor, and that neighbours and draws are independent, within 5 standard errors."""
    layer, x = Dropout(p), torch.ones(64, 5, 37, 41).contiguous(memory_format=memory)
    first, second = layer(x), layer(x)
    assert first.is_contiguous(memory_format=memory)
    assert set(first.unique().tolist()) == {0.0, first.max().item()}
    assert first.max().item() == pytest.approx(1 / (1 - p), abs=2e-5 / (1 - p) ** 2)
    error = 5 * (p * (1 - p) / x.numel()) ** 0.5
    kept = [(y > 0).double() for y in (first, second)]
    assert all(abs(k.mean().item() - (1 - p)) < error for k in kept)
    flat = kept[0].permute(0, 2, 3, 1).flatten()
    for pair in ((kept[0], kept[1]), *((flat[:-lag], flat[lag:]) for lag in (1, 2, 3, 4, 5, 37))):
        together = (pair[0] * pair[1]).mean().item()
        assert abs(together - (1 - p) ** 2) < 3 * error


def test_dropout_follows_the_seed_and_passes_gradients_where_it_keeps():
    layer, x = Dropout(0.3), torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(1)
    y = layer(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(y, x * gradient) and (gradient == 0).any() and (gradient > 1).any()
    torch.manual_seed(1)
    assert torch.equal(layer(x), y)
    with forward_ad.dual_level():
        torch.manual_seed(1)
        assert torch.equal(forward_ad.unpack_dual(layer(forward_ad.make_dual(x, x))).tangent, y)
    assert torch.equal(layer.eval()(x), x) and torch.equal(Dropout(0.0)(x), x)
