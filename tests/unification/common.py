"""What the tests of all known models share: a model made by its recipe, and the paper's notation."""

from dataclasses import replace

import numpy as np
import torch
from exact_models import perturbed
from torch import Tensor

import ndm
from ndm.data import DataSet, Split
from ndm.recipes import recipe
from ndm.training.build import build_model

BATCH, T = 6, 1000
K = torch.tensor([2, 3, 250, 500, 801, 1000])  # DDPM's t, one for each example


def made(name: str, event_shape: tuple[int, ...] = (3,)) -> ndm.NeuralDiffusion:
    """The model of that recipe, with small networks and random weights."""
    x = np.random.default_rng(0).normal(size=(3, 20, *event_shape)).astype(np.float32)
    data = DataSet("data", *(Split(part) for part in x), num_levels=None, num_classes=0, source="here")
    config, network = recipe(name, data), {"network": "mlp", "width": 16, "depth": 1}
    path = config.transform_options | (network if config.transform == "residual" else {})
    config = replace(
        config,
        predictor_options=network | {"parameterisation": config.predictor_options["parameterisation"]},
        transform_options=path,
    )
    return perturbed(build_model(config, data), std=0.2).eval()


def events(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """x, eps and another eps, each (BATCH, *shape)."""
    x, eps, other = torch.randn(3, BATCH, *(shape or (3,)))
    return x, eps, other


def over(value: Tensor, x: Tensor) -> Tensor:
    """(BATCH,) against (BATCH, *event)."""
    return value.reshape(-1, *[1] * (x.ndim - 1))


def squared(x: Tensor) -> Tensor:
    """|x|^2 of every example."""
    return x.square().flatten(1).sum(1)


def outputs(model: ndm.NeuralDiffusion, z_t: Tensor, t: Tensor) -> Tensor:
    """What the predictor's network says."""
    return model.predictor.network(z_t, t.expand(len(z_t)), None)[:, 0]
