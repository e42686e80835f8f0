"""What the paper's experiments cost: FLOPs of an image, of a whole training, and hours of a GPU."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ndm.benchmarks.speed.entries import paths
from ndm.benchmarks.speed.peers import flops
from ndm.data import DataSet, Split
from ndm.errors import InputError
from ndm.model import NeuralDiffusion
from ndm.nn.build import network_for
from ndm.predictors._network import NetworkPredictor
from ndm.recipes import recipe
from ndm.training.build import as_tensor, build_model
from ndm.training.config import Config

_SMALL, _BATCH = (3, 32, 32), 8
_OF_FORM = ("form", "form_options")
_ANOTHER = "ndm"  # the recipe of the paper's model
_DEVICES = (1, 8, 64)


@dataclass(frozen=True)
class Experiment:
    """A data set with its recipe, of this shape."""

    data: str
    event_shape: tuple[int, int, int]


@dataclass(frozen=True)
class Compute:
    """FLOPs of an image and GPU hours of the recipes of the paper's experiments, with F = x and with the paper's F.

    The network is counted at its full size, where nothing is computed. What a whole step costs beside its network, and
    what F adds, is counted in a step of a network of the same build that is small.
    """

    experiments: ClassVar[tuple[Experiment, ...]] = (
        Experiment("cifar10", (3, 32, 32)), Experiment("imagenet32", (3, 32, 32)),
        Experiment("imagenet64", (3, 64, 64)), Experiment("celeba_hq_256", (3, 256, 256)))

    peak: float = 989e12
    """FLOP/s of the device; by default an H100's at bf16, dense, from its data sheet."""
    utilisation: float = 0.4
    """The share of it that training reaches: an assumption until `ndm benchmark throughput` has measured it."""

    def run(self) -> int:
        """Count, and print a table in markdown."""
        if not (self.peak > 0 and 0 < self.utilisation <= 1):
            raise InputError(f"peak = {self.peak}, utilisation = {self.utilisation}", "a positive peak, a share of it")
        print(f"{self.peak / 1e12:g} TFLOP/s at {self.utilisation:.0%} utilisation (assumed)\n")
        print("| recipe | F | GFLOP an image | images | FLOP | " + " | ".join(
            f"hours on {n}" for n in _DEVICES) + " |\n" + "|---" * (5 + len(_DEVICES)) + "|")
        for experiment in self.experiments:
            config = recipe(experiment.data, _images(experiment.event_shape))
            assert config.max_steps is not None
            images = config.max_steps * config.batch_size
            for name, each in (("x", 1.0), ("the paper's", _factor(config))):
                an_image = each * _network_flops(config, experiment.event_shape)
                hours = an_image * images / self.peak / self.utilisation / 3600
                print(f"| {experiment.data} | {name} | {an_image / 1e9:.1f} | {images:.3g} | {an_image * images:.2e} | "
                      + " | ".join(f"{hours / n:,.0f}" for n in _DEVICES) + " |")
        return 0


def _images(event_shape: tuple[int, ...]) -> DataSet:
    split = Split(np.random.default_rng(0).integers(0, 256, (_BATCH, *event_shape), dtype=np.uint8))
    return DataSet("random", split, split, split, num_levels=256, num_classes=0, source="uniform noise")


def _network_flops(config: Config, event_shape: tuple[int, ...]) -> int:
    """Of an image, forward and backward."""
    options = {name: value for name, value in config.predictor_options.items() if name not in _OF_FORM}
    with torch.device("meta"):
        network = network_for(event_shape, **options)
    return flops(network)


def _factor(config: Config) -> float:
    """FLOPs of a step with the paper's F, of the denoiser's own size, by those of its denoiser."""
    options = config.predictor_options | {"channels": 16, "blocks": 1}
    small = replace(config, predictor_options=options)
    data = _images(_SMALL)
    theirs = replace(small, **recipe_of_model(small))
    model = build_model(theirs, data)
    assert isinstance(model.predictor, NetworkPredictor)
    return _step_flops(model, data) / _BATCH / _network_flops(small, _SMALL)


def recipe_of_model(config: Config) -> dict:
    """The paper's model on top of a recipe, F with the denoiser's network."""
    return paths(config)["residual"] | {
        "schedule": "linear", "schedule_options": {}, "predictor": "plug_in", "volatility": "constant",
        "transform_options": {"gate": "interpolation"} | paths(config)["residual"]["transform_options"]}


def _step_flops(model: NeuralDiffusion, data: DataSet) -> int:
    x = as_tensor(data.train.x, model.decoder)
    with FlopCounterMode(display=False) as counter:
        model.train()(x).total.mean().backward()
    return int(counter.get_total_flops())
