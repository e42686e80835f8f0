"""What is compared: networks in the same model, transformations of the same network, sizes of a step."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from ndm.benchmarks.comparison.contenders import network_options
from ndm.benchmarks.overhead import random_images
from ndm.benchmarks.speed.peers import PEERS, flops, sized
from ndm.config import Config
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.parts.predictors._network import NetworkPredictor
from ndm.recipes.cifar10 import RECIPE as CIFAR10
from ndm.training.build import build_model

_LAST = "_channels_last"


@dataclass(frozen=True)
class Case:
    """A configuration with F = x, the examples of a step, and data to train on."""

    config: Config
    batch_size: int
    data: Callable[[], DataSet] = random_images
    peers: bool = True
    """Whether others' networks are brought to the size of this one, which needs two levels."""


_UNET = Config(
    schedule_options={"gamma_min": -13.3, "gamma_max": 5.0},
    transform="identity",
    predictor_options={"network": "unet", "channels": 64, "multipliers": [1, 2], "blocks": 2},
)

CASES = {"unet": Case(_UNET, 16), "cifar10": Case(replace(CIFAR10, transform="identity"), 128, peers=False)}


def paths(config: Config) -> dict[str, dict[str, Any]]:
    """What a learned F changes in the configuration: the cheap ones, and the paper's, of the denoiser's own size."""
    return {
        "identity": {},
        "scaling": {"transform": "scaling"},
        "series": {"transform": "series", "transform_options": {"layer": "convolutional"}},
        "residual": {"transform": "residual", "transform_options": network_options(config)},
    }


def entries(case: Case) -> list[str]:
    """Transformations of our network, then others' networks with F = x, in either layout of memory."""
    others = [name + layout for name in PEERS for layout in ("", _LAST)] if case.peers else []
    return [*paths(case.config), *others]


def make(case: Case, entry: str) -> NeuralDiffusion:
    """The model of an entry, its weights from seed 0."""
    torch.manual_seed(0)
    ours = paths(case.config)
    model = build_model(replace(case.config, **ours.get(entry, {})), case.data())
    if entry not in ours:
        assert isinstance(model.predictor, NetworkPredictor)
        network = model.predictor.network
        peer = sized(entry.removesuffix(_LAST), network.event_shape, network.num_outputs, flops(network))
        if entry.endswith(_LAST):
            peer = peer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        model.predictor.network = peer
    return model
