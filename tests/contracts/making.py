"""What the contract tests share: every part, by the file it lives in, and small models made of them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ndm
from ndm.base import axes
from ndm.base.part import Part
from ndm.base.spec import Spec
from ndm.parts.decoders import Decoder
from ndm.parts.gates import EncoderGate
from ndm.parts.predictors import EncodedPredictor
from ndm.parts.transforms import Transform

EVENTS = [(1, 8, 8), (3,), (2, 3, 4)]  # an image, a vector, something else
BATCH, TIMESTEPS, LEVELS = 4, 3, 256
ENDS = -8.0, 5.0  # of gamma

AXES = {
    "schedule": axes.SCHEDULES,
    "transform": axes.TRANSFORMS,
    "predictor": axes.PREDICTORS,
    "decoder": axes.DECODERS,
    "volatility": axes.VOLATILITIES,
    "reverse_step": axes.REVERSE_STEPS,
    "sampler": axes.SAMPLERS,
}
FOUND: dict[str, dict[str, type]] = {kind: axis.every() for kind, axis in AXES.items()}
MODEL_PARTS = [(kind, name) for kind in FOUND if kind != "sampler" for name in FOUND[kind]]


def make(
    kind: str,
    name: str,
    event_shape: tuple[int, ...],
    num_classes: int = 0,
    num_levels: int | None = None,
    **options: Any,
) -> Part:
    """The part found in that file, made as the command line makes it and then disturbed."""
    levels = LEVELS if name == "discretised" else num_levels
    timesteps = TIMESTEPS if kind == "reverse_step" else None
    if kind == "predictor":
        options = {"network": "mlp", "width": 16, "depth": 1} | options
    spec = Spec(event_shape, levels, num_classes, timesteps)
    beside = {"transform": partner(event_shape)} if kind == "predictor" else {}
    return disturbed(AXES[kind].make(name, spec, options, **beside))


def partner(event_shape: tuple[int, ...]) -> Transform:
    """The transformation that every other part accepts: diagonal, with heads, for any event."""
    return disturbed(ndm.transforms.ScalingTransform(event_shape))


def encoder(event_shape: tuple[int, ...]) -> Transform:
    """The transformation that the encoded predictor is for."""
    network = ndm.MLP(event_shape, width=16, depth=1)
    return disturbed(ndm.transforms.ResidualTransform(network, EncoderGate(*ENDS)))


def tiny_model(event_shape: tuple[int, ...], **parts: Part) -> ndm.NeuralDiffusion:
    """A model of `parts`, and of small ones for the rest."""
    needs_posterior = "reverse_step" in parts and parts["reverse_step"].needs_posterior
    options = {"name": "direct", "parameterisation": "gaussian_mixture"} if needs_posterior else {"name": "plug_in"}
    rest = {
        "schedule": ndm.schedules.LinearSchedule(*ENDS),
        "transform": (encoder if isinstance(parts.get("predictor"), EncodedPredictor) else partner)(event_shape),
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
    return pytest.mark.parametrize("name", FOUND[kind])


each_event = pytest.mark.parametrize("event_shape", EVENTS, ids=str)


def times(batch: int = BATCH, dtype: torch.dtype = torch.float64) -> Tensor:
    """Times inside (0, 1), one for each example."""
    return torch.linspace(0.13, 0.87, batch, dtype=dtype)
