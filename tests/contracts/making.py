"""What the contract tests share: every part, by the file it lives in, and small models made of them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ndm
from ndm.base.part import Part
from ndm.base.registry import discover
from ndm.parts.decoders import Decoder
from ndm.parts.predictors import Predictor
from ndm.parts.reverse_steps import ReverseStep
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility
from ndm.samplers import Sampler

EVENTS = [(1, 8, 8), (3,), (2, 3, 4)]  # an image, a vector, something else
BATCH, TIMESTEPS = 4, 3

FOUND: dict[str, dict[str, type]] = {
    "schedule": discover("ndm.parts.schedules", Schedule),
    "transform": discover("ndm.parts.transforms", Transform),
    "predictor": discover("ndm.parts.predictors", Predictor),
    "decoder": discover("ndm.parts.decoders", Decoder),
    "volatility": discover("ndm.parts.volatilities", Volatility),
    "reverse_step": discover("ndm.parts.reverse_steps", ReverseStep),
    "sampler": discover("ndm.samplers", Sampler),
}
# A callable predictor is made from the user's function instead of an event shape, and has other tests.
MODEL_PARTS = [(kind, name) for kind in FOUND if kind != "sampler" for name in FOUND[kind] if name != "callable"]


def make(kind: str, name: str, event_shape: tuple[int, ...], **options: Any) -> Part:
    """The part found in that file, made as users make it and then disturbed."""
    part = FOUND[kind][name]
    if kind == "predictor":
        options = {"network": "mlp", "width": 16, "depth": 1} | options
        return disturbed(part.for_events(event_shape, partner(event_shape), **options))
    if kind == "reverse_step":
        return disturbed(part.for_events(event_shape, TIMESTEPS, **options))
    return disturbed(part.for_events(event_shape, **options) if hasattr(part, "for_events") else part(**options))


def partner(event_shape: tuple[int, ...]) -> Transform:
    """The transformation that every other part accepts: diagonal, with heads, for any event."""
    return disturbed(ndm.transforms.ScalingTransform(event_shape))


def tiny_model(event_shape: tuple[int, ...], **parts: Part) -> ndm.NeuralDiffusion:
    """A model of `parts`, and of small ones for the rest."""
    needs_posterior = "reverse_step" in parts and parts["reverse_step"].needs_posterior
    options = {"name": "direct", "parameterisation": "gaussian_mixture"} if needs_posterior else {"name": "plug_in"}
    rest = {
        "schedule": ndm.schedules.LinearSchedule(-8.0, 5.0),
        "transform": partner(event_shape),
        "predictor": make("predictor", event_shape=event_shape, **options),
        "decoder": ndm.GaussianDecoder(),
    }
    return ndm.NeuralDiffusion(**rest | parts)


def disturbed(module: nn.Module) -> nn.Module:
    """The module, with no parameter left where it was initialised."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def data_for(decoder: Decoder, event_shape: tuple[int, ...], batch: int = BATCH) -> Tensor:
    """Data that the decoder describes: whatever it decodes from noise."""
    level = ndm.schedules.LinearSchedule()(torch.tensor(0.0))
    return decoder.sample(torch.randn(batch, *event_shape), level, torch.rand(batch, *event_shape))


def each(kind: str) -> pytest.MarkDecorator:
    """The test runs for every part of that kind, by the name of its file."""
    return pytest.mark.parametrize("name", [name for name in FOUND[kind] if name != "callable"])


each_event = pytest.mark.parametrize("event_shape", EVENTS, ids=str)


def times(batch: int = BATCH, dtype: torch.dtype = torch.float64) -> Tensor:
    """Times inside (0, 1), one for each example."""
    return torch.linspace(0.13, 0.87, batch, dtype=dtype)
