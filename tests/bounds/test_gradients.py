"""Every parameter of phi and theta learns from every term, and each gradient is the derivative of the value."""

import pytest
import torch
from exact_models import assert_close, perturbed
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.parts.predictors import Predictor
from ndm.parts.transforms import Transform

TRANSFORMS = axes.TRANSFORMS.every()
EVENTS = {"vector": (3,), "image": (1, 8, 8)}
STEPS = 4


def predictor_for(transform: Transform, event_shape: tuple[int, ...]) -> Predictor:
    try:
        return ndm.DirectPredictor.from_spec(Spec(event_shape), transform=transform)
    except InputError:
        return ndm.predictors.PlugInPredictor.from_spec(Spec(event_shape), transform=transform)


def learned_model(name: str, event_shape: tuple[int, ...]) -> ndm.NeuralDiffusion:
    """Everything that can be learned is."""
    transform = TRANSFORMS[name].from_spec(Spec(event_shape))
    return perturbed(
        ndm.NeuralDiffusion(
            ndm.schedules.LearnedSchedule(-6.0, 4.0, num_pieces=3),
            transform,
            predictor_for(transform, event_shape),
            ndm.GaussianDecoder(),
            ndm.volatilities.LearnedVolatility(num_bins=3),
            ndm.reverse_steps.LearnedReverseStep(event_shape, STEPS),
        ),
        std=0.05,
    ).eval()


def total(model: ndm.NeuralDiffusion, x: Tensor, timesteps: int | None) -> Tensor:
    """One fixed draw of the bound, averaged."""
    return ndm.bound(model, x, timesteps=timesteps, generator=torch.Generator().manual_seed(0)).total.mean()


@pytest.mark.parametrize("timesteps", [None, STEPS])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_parameter_gets_a_gradient(name, event, timesteps) -> None:
    """Finite and not 0; and along a random direction the difference quotient of the bound."""
    model, x = learned_model(name, EVENTS[event]), torch.randn(8, *EVENTS[event])
    parameters = {
        key: parameter for key, parameter in model.named_parameters() if timesteps or not key.startswith("reverse_step")
    }
    gradients = torch.autograd.grad(total(model, x, timesteps), list(parameters.values()))
    for key, gradient in zip(parameters, gradients, strict=True):
        assert gradient.isfinite().all() and gradient.abs().max() > 0, key

    directions = [torch.randn_like(parameter) for parameter in parameters.values()]
    slope, step = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)), 1e-6

    def shifted(size: float) -> Tensor:
        with torch.no_grad():
            for parameter, direction in zip(parameters.values(), directions, strict=True):
                parameter.add_(direction, alpha=size)
            return total(model, x, timesteps)

    above, below = shifted(step), shifted(-2 * step)
    assert_close((above - below) / (2 * step), slope.detach(), rtol=1e-4)


@pytest.mark.parametrize("term", ["prior", "diffusion"])
def test_transformation_is_trained_by_prior_and_diffusion(term) -> None:
    """L_prior and L_diff both depend on phi, L_rec does not: F(x, 0) = x keeps the data from being hidden."""
    model, x = learned_model("series", (3,)), torch.randn(8, 3)
    bound = ndm.bound(model, x)
    phi = list(model.transform.parameters())
    assert all(g.abs().max() > 0 for g in torch.autograd.grad(getattr(bound, term).sum(), phi, retain_graph=True))
    unused = torch.autograd.grad(bound.reconstruction.sum(), phi, allow_unused=True)
    assert all(g is None for g in unused)
