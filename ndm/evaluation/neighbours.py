"""The nearest training examples of samples: whether a model repeats what it was trained on."""

import math

import numpy as np
import torch
from torch import Tensor

from ndm.data import DataSet
from ndm.evaluation.figures import Neighbours
from ndm.runs.run import Run

_MOST = 10_000  # training examples that are searched
_VALUES = 2**25  # of theirs, at most
_SAMPLES = 1000  # samples, and test examples, at most, whose neighbours are searched
_AT_ONCE = 256


def neighbours(run: Run, data: DataSet, x: np.ndarray) -> Neighbours:
    """Find the training example nearest to each of the first samples x (N, *event).

    Distances are L2 in the model's coordinates, in which each dimension has about unit scale. Of many training examples
    a random choice, always the same, is searched.
    """
    size = math.prod(run.event_shape)
    most = max(1, min(_MOST, _VALUES // size))
    chosen = data.train.take(np.sort(data.train.order()[:most])).x[:]
    train = _coordinates(run, chosen)
    number = max(1, min(_SAMPLES, _VALUES // size))
    samples = x[:number]
    distances, places = _nearest(_coordinates(run, samples), train)
    of_test, _ = _nearest(_coordinates(run, data.test.x[:number]), train)
    return Neighbours(samples, chosen[places.numpy()], distances.numpy(), of_test.numpy(), len(chosen))


def in_words(found: Neighbours, of_all: int) -> str:
    """Say how far samples are from training examples, and test examples beside them."""
    where = f"the nearest of {found.searched:,} training examples"
    where += f" (chosen at random of {of_all:,})" * (found.searched < of_all)
    return (
        f"The distance, L2 in the model's coordinates, of {len(found.distances):,} samples to {where}: "
        f"{_spread(found.distances)}; of {len(found.of_test):,} test examples: {_spread(found.of_test)}. "
        "Samples that are much nearer than test examples repeat the training data."
    )


def _spread(distances: np.ndarray) -> str:
    return f"median {np.median(distances):.3g}, least {distances.min():.3g}"


def _coordinates(run: Run, x: np.ndarray) -> Tensor:
    """Examples as the model sees them, on the CPU, (N, D)."""
    return run.model.decoder.standardise(run.as_input(x).to(run.device)).detach().float().flatten(1).cpu()


def _nearest(x: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """The distance of each of x (N, D) to the nearest of `others` (M, D), and its place."""
    found = [
        torch.cdist(part, others, compute_mode="donot_use_mm_for_euclid_dist").min(1) for part in x.split(_AT_ONCE)
    ]
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])
