"""What one estimate of the bound computes once, and what it must not ask: the same values, and no read by the host."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from exact_models import assert_close, perturbed
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import ndm
import ndm.bounds.bound
from ndm.autodiff.checkpointed import checkpoint_activations
from ndm.base.noise import BatchSlice
from ndm.base.spec import Spec
from ndm.data import DataSet, Split, load
from ndm.nn.networks.mlp import MLP
from ndm.recipes import recipe
from ndm.training.build import build_model, make_time_sampler

_READS = ("aten::_local_scalar_dense", "aten::is_nonzero", "aten::item", "aten::nonzero", "aten::equal")


class Reads(TorchDispatchMode):
    """The operations by which the host learns the values of a tensor, or a size that depends on them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if function.name().partition(".")[0] in _READS:
            self.found.append(function.name())
        return function(*arguments, **(options or {}))


def photographs() -> DataSet:
    """Images of 256 levels, of which no decoder sums all."""
    split = Split(np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8))
    return DataSet("random", split, split, split, num_levels=256, num_classes=0, source="uniform noise")


STEPS: dict[str, tuple[Callable[[], DataSet], dict[str, Any]]] = {
    "digits": (lambda: load("digits"), {}),
    "digits in 8 steps": (lambda: load("digits"), {"timesteps": 8}),
    "cities": (lambda: load("cities"), {}),
    "cities in 4 steps": (lambda: load("cities"), {"timesteps": 4}),
    "cities in 100 steps": (lambda: load("cities"), {"timesteps": 100, "schedule": "ddpm", "schedule_options": {}}),
    "photographs": (
        photographs,
        {"predictor_options": {"network": "unet", "channels": 16, "parameterisation": "scaled"}},
    ),
    "the eps parameterisation": (
        lambda: load("cities"),
        {"predictor_options": {"network": "mlp", "width": 8, "parameterisation": "eps"}},
    ),
    "residual": (lambda: load("cities"), {"transform": "residual", "transform_options": {"width": 8, "depth": 1}}),
    "time basis": (lambda: load("cities"), {"transform": "series", "timesteps": 3, "reverse_step": "learned"}),
    "best volatility": (lambda: load("cities"), {"volatility": "best", "timesteps": 4}),
}


@pytest.fixture(params=STEPS)
def training(request) -> tuple[ndm.NeuralDiffusion, Tensor, Callable[[], Tensor]]:
    """A model in training, a batch, and what a step minimises."""
    torch.set_default_dtype(torch.float32)
    make, changes = STEPS[request.param]
    data = make()
    config = replace(recipe(None, data), **changes)
    model, times = build_model(config, data).train(), make_time_sampler(config)
    x, number = model.decoder.from_raw(data.train.x[:32]), iter(range(10))

    def loss() -> Tensor:
        generator = torch.Generator().manual_seed(next(number))
        return ndm.bound(model, x, None, config.timesteps, times, generator, BatchSlice(0, len(x), len(x))).total.mean()

    return model, x, loss


def test_a_training_step_reads_nothing_on_the_host(training) -> None:
    """Bound and gradient. Each read would stop an accelerator until all that was asked of it is done."""
    _, x, loss = training
    loss().backward()
    with Reads() as reads:
        loss().backward()
    assert reads.found == []
    with reads:
        float(x.sum())
    assert reads.found == ["aten::_local_scalar_dense"]


def test_the_steps_of_a_sampler_read_nothing_on_the_host() -> None:
    for schedule in (ndm.schedules.LearnedSchedule(), ndm.schedules.DdpmSchedule()):
        scaling = ndm.transforms.ScalingTransform((2,))
        model = ndm.NeuralDiffusion(
            schedule,
            perturbed(ndm.transforms.ScalingTransform((2,))),
            perturbed(ndm.DirectPredictor.from_spec(Spec((2,)), transform=scaling, width=8, depth=1)),
            ndm.GaussianDecoder(),
        ).eval()
        z_t, (s, t) = torch.randn(3, 2), torch.tensor([0.25, 0.5])
        samplers = [ndm.samplers.Ancestral(model, 4), ndm.samplers.Deterministic(model, 4), ndm.samplers.Heun(model, 4)]
        with Reads() as reads, torch.no_grad():
            for sampler in samplers:
                sampler.step(z_t, s, t, torch.randn(3, 2), None)
        assert reads.found == []


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("timesteps", [None, 3])
@pytest.mark.parametrize("name", ["scaling", "identity"])
def test_what_is_evaluated_once_is_what_is_evaluated_again_and_again(
    monkeypatch, name, timesteps, checkpointed
) -> None:
    """Values and gradients, those of the schedule, the scale and the network's embedding of time included."""
    torch.manual_seed(1)
    transform = ndm.transforms.ScalingTransform((2,), lead=2.0) if name == "scaling" else ndm.IdentityTransform()
    options = {"network": "mlp", "width": 8, "depth": 2, "parameterisation": "gaussian_mixture"}
    model = ndm.NeuralDiffusion(
        ndm.schedules.LearnedSchedule(-6.0, 3.0),
        transform,
        ndm.DirectPredictor.from_spec(Spec((2,)), transform=transform, **options),
        ndm.GaussianDecoder(),
        volatility=ndm.volatilities.MarkovVolatility(),
        reverse_step=ndm.reverse_steps.MixtureReverseStep() if timesteps else None,
    )
    perturbed(model, 0.3).train()
    if checkpointed:
        checkpoint_activations(model)
    x = torch.randn(7, 2)
    found = []
    for evaluated_at in (ndm.NeuralDiffusion.evaluated_at, lambda model, *times, **options: model):
        monkeypatch.setattr(ndm.NeuralDiffusion, "evaluated_at", evaluated_at)
        bound = ndm.bound(model, x, timesteps=timesteps, generator=torch.Generator().manual_seed(0))
        names, weights = zip(*((n, p) for n, p in model.named_parameters()), strict=True)
        gradients = torch.autograd.grad(bound.total.sum(), weights, allow_unused=True)
        found.append((bound.total, dict(zip(names, gradients, strict=True))))
    (total, gradients), (again, expected) = found
    assert_close(total, again)
    assert sum(g is not None for g in gradients.values()) > 10
    for key, gradient in gradients.items():
        assert (gradient is None) == (expected[key] is None), key
        if gradient is not None:
            assert_close(gradient, expected[key], rtol=1e-8, atol=1e-11)


def test_few_times_are_embedded_once_each() -> None:
    """A chain's network gives the same outputs with a row of the embedding for each time as for each example."""
    network = perturbed(MLP((2,), width=8, depth=2))
    few, index, x = torch.tensor([0.25, 0.5, 1.0]), torch.tensor([2, 0, 0, 1, 2]), torch.randn(5, 2)
    t, seen = few[index], []
    network.embedding.register_forward_hook(lambda module, given, output: seen.append(len(output)))
    assert_close(network.with_few_times(t, few, index)(x, t), network(x, t))
    assert seen == [3, 5]
    other = t.clone()
    assert_close(network.with_few_times(t, few, index)(x, other), network(x, other))
    assert seen == [3, 5, 5, 5]
