"""A larger denoiser for F = identity: at least the parameters of the default, and at least its time for a step."""

import time
from dataclasses import dataclass, replace
from typing import Any

import torch

from ndm.base.errors import InputError
from ndm.benchmarks.comparison.contenders import CONTENDERS
from ndm.bounds.bound import bound
from ndm.config import Config
from ndm.data import DataSet, load
from ndm.recipes import recipe
from ndm.training.build import build_model, make_time_sampler

_TIMED_STEPS, _LARGEST = 12, 4  # steps of which the median counts; times the recipe's size


@dataclass(frozen=True)
class Sizing:
    """The search for the smallest denoiser of `contender` that costs at least what the default costs at this T."""

    data: str
    contender: str
    timesteps: int | None
    weight = 5.0

    @property
    def key(self) -> str:
        """All fields in one line."""
        return f"size {self.data} {self.contender} T={self.timesteps or 'inf'}"


def num_parameters(config: Config, data: DataSet) -> int:
    """Parameters of the model."""
    return sum(p.numel() for p in build_model(config, data).parameters())


def step_seconds(config: Config, data: DataSet) -> float:
    """CPU seconds of one forward and backward pass of a batch: the median of several."""
    model, times = build_model(config, data), make_time_sampler(config)
    x = model.decoder.from_raw(data.train.batches(config.batch_size, seed=0)[0].x)
    seconds = []
    for _ in range(_TIMED_STEPS):
        began = time.process_time()
        bound(model, x, None, config.timesteps, times).total.mean().backward()
        seconds.append(time.process_time() - began)
    return sorted(seconds)[len(seconds) // 2]


LARGER = "identity_larger"


def search(sizing: Sizing) -> dict[str, Any]:
    """Raise the size by eighths of the recipe's until parameters and time first reach those of the default."""
    torch.set_num_threads(1)
    data = load(sizing.data)
    config = replace(recipe(None, data), timesteps=sizing.timesteps)
    wanted, own = (CONTENDERS[name](config, data) for name in ("default", sizing.contender))
    parameters, seconds = num_parameters(wanted, data), step_seconds(wanted, data)
    smallest = size_of(config)
    tried: dict[int, tuple[int, float]] = {}
    for size in range(smallest, _LARGEST * smallest + 1, max(1, smallest // 8)):
        larger = with_size(own, size)
        tried[size] = num_parameters(larger, data), step_seconds(larger, data)
        if reached := tried[size][0] >= parameters and tried[size][1] >= seconds:
            break
    return {"size": size, "reached": reached, "default": (parameters, seconds), "tried": tried}


def size_of(config: Config) -> int:
    """Channels of the U-Net, or width of the MLP."""
    size: int = config.predictor_options[_option(config)]
    return size


def with_size(config: Config, size: int) -> Config:
    """The configuration with a denoiser of this many channels or this width."""
    return replace(config, predictor_options=config.predictor_options | {_option(config): size})


def _option(config: Config) -> str:
    for name in ("channels", "width"):
        if name in config.predictor_options:
            return name
    raise InputError(f"a denoiser with the options {config.predictor_options}", "channels or width among them")
