"""How good samples of few steps are: their energy distance from the data."""

import numpy as np
import torch
from torch import Tensor

from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.samplers import Sampler
from ndm.samplers.ancestral import Ancestral
from ndm.samplers.deterministic import Deterministic

ODE_STEPS = (1, 2, 4, 8, 16, 32)
_BATCH = 256


def energy_distance(x: Tensor, y: Tensor) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| of two samples (N, D) and (M, D), each of 2 at least.

    The unbiased estimate: X' runs over the other points of x only, so that it is 0 on average, and may be negative,
    for two samples of one distribution. Szekely and Rizzo (2013), https://doi.org/10.1016/j.jspi.2013.03.018.
    """
    x, y = x.double(), y.double()
    within = [
        torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").sum()
        / (len(points) * (len(points) - 1))
        for points in (x, y)
    ]
    across = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").mean()
    return float(2 * across - within[0] - within[1])


def scaled(x: np.ndarray, data: DataSet) -> Tensor:
    """Examples (N, *event) as points (N, D) of [-1, 1]: levels by their number, reals by the range of train."""
    flat = torch.from_numpy(np.ascontiguousarray(x)).double().flatten(1)
    if data.num_levels is not None:
        return 2 * flat / (data.num_levels - 1) - 1
    train = torch.from_numpy(data.train.x).double().flatten(1)
    low, high = train.amin(0), train.amax(0)
    return 2 * (flat - low) / (high - low) - 1


def draw(sampler: Sampler, data: DataSet, number: int, seed: int) -> Tensor:
    """`number` samples as points (number, D) of [-1, 1], see `scaled`."""
    parts = [
        sampler.model.decoder.to_raw(sampler((min(_BATCH, number - first), *data.event_shape), seed=seed, first=first))
        for first in range(0, number, _BATCH)
    ]
    return scaled(np.concatenate(parts), data)


def training_points(data: DataSet, number: int, seed: int) -> Tensor:
    """`training_examples` as points of [-1, 1]."""
    return scaled(training_examples(data, number, seed), data)


def training_examples(data: DataSet, number: int, seed: int) -> np.ndarray:
    """As many training examples, other ones for each seed as far as there are."""
    order = data.train.order()
    return data.train.x[order[np.arange(seed * number, (seed + 1) * number) % len(order)]]


def energy_distances(
    model: NeuralDiffusion, data: DataSet, held_out: np.ndarray, number: int, seed: int, timesteps: int | None
) -> dict[str, float]:
    """The distance of `number` samples from the held-out examples, by the way that they are drawn.

    A chain of T steps is walked as it was trained; a model of continuous time without noise, in few steps. `floor`
    is the distance of as many training examples, other ones for each seed.
    """
    target = scaled(held_out, data)
    distances = {"floor": energy_distance(training_points(data, number, seed), target)}
    samplers = (
        {f"ancestral, {timesteps} steps": Ancestral(model, timesteps)}
        if timesteps
        else {f"deterministic, {steps} steps": Deterministic(model, steps) for steps in ODE_STEPS}
    )
    for name, sampler in samplers.items():
        distances[name] = energy_distance(draw(sampler, data, number, seed), target)
    return distances
