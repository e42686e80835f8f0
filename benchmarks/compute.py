"""What the paper's experiments cost: FLOPs of an image, of a whole training, and hours of a GPU."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.engine.contenders import network_options
from benchmarks.engine.tables import table
from benchmarks.engine.timing import noise_images
from benchmarks.peers.unets import flops
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.bounds.bound import bound
from ndm.config import Config
from ndm.data import DataSet
from ndm.nn.network_for import network_for
from ndm.recipes import recipe
from ndm.training.build import build_model

_SMALL, _BATCH = (3, 32, 32), 4
_NARROW = {"channels": 16, "blocks": 1}
_DEVICES = (1, 8, 64)


@dataclass(frozen=True)
class Compute:
    """FLOPs of an image and GPU hours of the recipes of the paper's experiments, with F = x and with the paper's F.

    The network is counted at its full size, where nothing is computed. What a whole step costs beside its network, and
    what F adds, is counted in a step of a network of the same build that is small.
    """

    experiments: ClassVar[dict[str, tuple[int, int, int]]] = {
        **{"cifar10": (3, 32, 32), "imagenet32": (3, 32, 32)},
        **{"imagenet64": (3, 64, 64), "celeba_hq_256": (3, 256, 256)},
    }
    """Data sets with a recipe, and their shapes."""

    peak: float = 989e12
    """FLOP/s of the device; by default an H100's at bf16, dense, from its data sheet."""
    utilisation: float = 0.4
    """The share of it that training reaches: an assumption until `python -m benchmarks throughput` has measured it."""

    def run(self) -> int:
        """Count, and print a table in markdown."""
        if not (self.peak > 0 and 0 < self.utilisation <= 1):
            raise InputError(f"peak = {self.peak}, utilisation = {self.utilisation}", "a positive peak, a share of it")
        lines = []
        for name, shape in self.experiments.items():
            config = recipe(None, noise_images(name, shape, 1))
            assert config.max_steps is not None
            images = config.max_steps * config.batch_size
            network = _network_flops(config, shape)
            for path, each in (("x", 1.0), ("the paper's", factor(name))):
                whole = each * network * images
                hours = whole / self.peak / self.utilisation / 3600
                cost = [f"{each * network / 1e9:.0f}", f"{images:.3g}", f"{whole:.2e}"]
                lines.append([name, path, *cost, *(_rounded(hours / number) for number in _DEVICES)])
        heads = ["F", "GFLOP an image", "images", "FLOP", *(f"hours on {number}" for number in _DEVICES)]
        print(f"{self.peak / 1e12:g} TFLOP/s at {self.utilisation:.0%} utilisation (assumed)\n")
        print(table("recipe", heads, lines))
        return 0


def factor(name: str) -> float:
    """FLOPs of a step with the paper's F, of the denoiser's own size, by those of its denoiser, for a data set."""
    data = noise_images(name, _SMALL, _BATCH)
    config = recipe("ndm", data)
    config = replace(config, predictor_options=config.predictor_options | _NARROW)
    config = replace(config, transform_options=config.transform_options | network_options(config))
    return step_flops(config, data) / _network_flops(config, _SMALL)


def step_flops(config: Config, data: DataSet) -> float:
    """Of an image, in a step on all of `data`."""
    model = build_model(config, data)
    x = model.decoder.from_raw(data.train.x)
    with FlopCounterMode(display=False) as counter:
        bound(model, x).total.mean().backward()
    return float(counter.get_total_flops()) / len(x)


def _network_flops(config: Config, event_shape: tuple[int, ...]) -> int:
    """Of an image, forward and backward."""
    with torch.device("meta"):
        return flops(network_for(Spec(event_shape), **network_options(config)))


def _rounded(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}"
