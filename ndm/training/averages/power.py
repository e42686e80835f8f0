"""Averages of the weights whose length is chosen after training, from snapshots of power averages.

RUN/averages/00002000/   averages.safetensors, time_sampler.safetensors, progress.json and checksums.json of that step

The average of relative length sigma at step t weighs the weights of step tau by the power profile

    p(tau) = (g + 1) tau^g / t^(g + 1),    0 <= tau <= t,    sigma = (g + 1)^(1/2) (g + 2)^(-1) (g + 3)^(-1/2):

sigma is the standard deviation of tau / t. The running average m <- b m + (1 - b) w with b = (1 - 1/t)^(g + 1) at step
t = 1, 2, ... weighs the weights of step k by the integral of p over [k - 1, k], exactly. So a sum of running averages,
kept at several steps, is the average of the sum of their profiles; the sum that is nearest to another profile is found
by least squares, from the inner products of profiles, which are known.

Source: Karras et al. (2024), section 3 and appendix C, https://arxiv.org/abs/2312.02696. Theirs is least squares alone,
scaled to mass 1 afterwards; here mass 1 is a constraint of it: the nearest of those for which a weight that never
changes is its own average.
"""

import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ndm.base.errors import InputError
from ndm.model import NeuralDiffusion
from ndm.runs.checkpoint import OF_READERS, of_step, readable
from ndm.runs.writing import remove_folder, saving, steps, verified, write_folder

_SHORTEST, _LONGEST = 1e-3, 12**-0.5  # g = 0: all steps alike
FILE = "averages.safetensors"
_FOLDER = "averages"
_SNAPSHOT = (FILE, *OF_READERS)  # of a checkpoint's state
_MOST = 64  # snapshots, at equal distances


@cache  # asked for at every step of a training
def exponent(length: float) -> float:
    """The exponent g of a relative length sigma: the largest root of g^3 + 7 g^2 + (16 - sigma^-2) g + 12 - sigma^-2.

    Raises `InputError` for a length that no average has, or too few steps would resolve.
    """
    if not _SHORTEST <= length <= _LONGEST:
        raise InputError(
            f"an average of relative length {length}",
            f"{_SHORTEST} to {_LONGEST:.4f} (the mean of all)",
            "it is the standard deviation of its steps as a share of all",
        )
    square = length**-2
    return float(np.roots([1, 7, 16 - square, 12 - square]).real.max())


def kept(length: float, step: int) -> float:
    """The factor b of the running average of a relative length at step t = 1, 2, ..."""
    return float((1 - 1 / step) ** (exponent(length) + 1))


@dataclass(frozen=True)
class Profiles:
    """Power profiles: their ends t and exponents g, (N,) each."""

    step: np.ndarray
    exponent: np.ndarray

    @classmethod
    def of(cls, steps: list[int], lengths: list[float]) -> "Profiles":
        """Make a profile for each pair of a step and a relative length."""
        return cls(np.array(steps, float), np.array([exponent(length) for length in lengths]))

    def __call__(self, tau: np.ndarray) -> np.ndarray:
        """Compute p(tau) of each, (N, len(tau))."""
        t, g = self.step[:, None], self.exponent[:, None]
        return np.where(tau <= t, (g + 1) / t * np.minimum(tau / t, 1.0) ** g, 0.0)

    def inner(self, other: "Profiles") -> np.ndarray:
        """The integrals of p_i p_j, (N, M): with u and v the earlier and the later end, and g_v that of the latter,

        (g_i + 1) (g_j + 1) / ((g_i + g_j + 1) v) (u / v)^(g_v).
        """
        t, g = self.step[:, None], self.exponent[:, None]
        s, h = other.step[None], other.exponent[None]
        of_later = np.where(t < s, h, g)
        later = np.maximum(t, s)
        return (g + 1) * (h + 1) / ((g + h + 1) * later) * (np.minimum(t, s) / later) ** of_later

    def weights(self, wanted: "Profiles") -> tuple[np.ndarray, np.ndarray]:
        """Find the weights that sum these nearest to each wanted profile: w (N, M), columns of sum 1, and errors (M,).

        w minimises the norm of sum_i w_i p_i - p; the error is that norm over the norm of p.
        """
        gram, right = self.inner(self), self.inner(wanted)
        scale = np.diag(gram) ** -0.5
        size = len(scale)
        # The multiplier of the constraint is the last unknown; scaled, all equations are of one size.
        system = np.zeros((size + 1, size + 1))
        system[:size, :size] = scale[:, None] * gram * scale
        norm = np.linalg.norm(scale)
        system[:size, size] = system[size, :size] = scale / norm
        values = np.vstack([scale[:, None] * right, np.full((1, right.shape[1]), 1 / norm)])
        found = scale[:, None] * np.linalg.lstsq(system, values, rcond=None)[0][:size]
        squares = np.diag(wanted.inner(wanted))
        left = (found * (gram @ found)).sum(0) - 2 * (found * right).sum(0) + squares
        return found, np.sqrt(np.maximum(left, 0) / squares)


def keep_snapshot(run: Path, last: int, every: int) -> None:
    """Make a snapshot of the averages of the last checkpoint, and leave out others, so that few are enough.

    Those kept are the latest and, before it, the multiples of `every` 2^k, at the least k for which there are 64 at
    most: which they are follows from the step, however often the run was stopped. Raises `SavingError`.
    """
    state, snapshot = of_step(run, last) / "state", run / _FOLDER / of_step(run, last).name
    distance = spacing(last, every)
    with saving(f"the averages of step {last} in {run}"):
        write_folder(snapshot, lambda folder: _copy(state, folder))
        for other in snapshots(run):
            step = int(other.name)
            if step > last or (step < last and step % distance):  # after it: of steps that are trained again
                remove_folder(other)


def _copy(state: Path, folder: Path) -> None:
    """Link files where the system can, else copy them: a link takes room only when the checkpoint is gone."""
    for name in _SNAPSHOT:
        try:
            os.link(state / name, folder / name)
        except OSError:
            shutil.copyfile(state / name, folder / name)


def snapshots(run: Path) -> list[Path]:
    """List the snapshots of a run, in the order of their steps."""
    return steps(run / _FOLDER)


def spacing(last: int, every: int) -> int:
    """The distance in steps between snapshots up to the step `last`."""
    while last // every > _MOST:
        every *= 2
    return every


def of_length(length: float, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the average of one length, by name."""
    return {name.partition(":")[2]: value for name, value in state.items() if name.startswith(f"{length}:")}


def averaged(
    snapshots: list[Path], stored: list[float], wanted: list[float], model: NeuralDiffusion
) -> list[tuple[dict[str, Tensor], float]]:
    """Make the averages of the `wanted` lengths up to the last snapshot, with the error of the profile of each.

    The first are states of models like `model`; buffers are those of the last step. Every snapshot is read once, and
    the sums are kept in float64. Raises `InputError` for a snapshot that is damaged or of another model.
    """
    ends = [int(snapshot.name) for snapshot in snapshots]
    pairs = [(end, length) for end in ends for length in stored]
    profiles = Profiles.of(*map(list, zip(*pairs, strict=True)))
    weights, errors = profiles.weights(Profiles.of([ends[-1]] * len(wanted), wanted))
    rows = iter(weights)
    sums = [
        {name: torch.zeros_like(p, dtype=torch.float64, device="cpu") for name, p in model.named_parameters()}
        for _ in wanted
    ]
    for snapshot in snapshots:
        with readable(verified(snapshot, f"restore it, or delete {snapshot}: the others do without it") / FILE):
            state = load_file(snapshot / FILE)
            for length in stored:
                part = of_length(length, state)
                for sum_, weight in zip(sums, next(rows), strict=True):
                    for name, total in sum_.items():
                        total.add_(part[name].double(), alpha=float(weight))
    return [
        (part | {name: total.to(part[name].dtype) for name, total in sum_.items()}, float(error))
        for sum_, error in zip(sums, errors, strict=True)
    ]
