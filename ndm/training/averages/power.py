"""Running averages of the weights from which one of any length can be made afterwards: ndm average.

RUN/averages/00002000/   averages.safetensors, times.safetensors, progress.json and checksums.json of that step
"""

import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from ndm.model import NeuralDiffusion
from ndm.runs.checkpoint import of_step
from ndm.runs.saving import saving
from ndm.runs.whole_folder import remove_folder, steps, verified, write_folder
from ndm.training.averages.ema import MovingAverage
from ndm.training.averages.profiles import Profiles, kept
from ndm.training.parallel import load, whole
from ndm.training.state import OF_READERS, readable, save_tensors

_FOLDER = "averages"
_FILE = "averages.safetensors"
_SNAPSHOT = (_FILE, *OF_READERS)  # of a checkpoint's state
_MOST = 64  # snapshots, at equal distances


class PowerAverage(MovingAverage[NeuralDiffusion]):
    """d = (1 - 1/t)^(g + 1) at step t = n + 1: `ndm.training.averages.profiles`."""

    def __init__(self, model: NeuralDiffusion, length: float) -> None:
        super().__init__(model)
        self.length = length

    def kept(self, step: int) -> float:
        return kept(self.length, step + 1)


class PowerAverages:
    """The running averages of a training, of these relative lengths; without lengths it does nothing."""

    def __init__(self, model: NeuralDiffusion, lengths: tuple[float, ...]) -> None:
        self.running = [PowerAverage(model, length) for length in lengths]

    @property
    def models(self) -> list[NeuralDiffusion]:
        """Those that hold the averages."""
        return [average.model for average in self.running]

    def update(self, model: NeuralDiffusion, step: int) -> None:
        """Take the weights after a step."""
        for average in self.running:
            average.update(model, step)

    def state(self) -> dict[str, Tensor]:
        """All of them, whole, as "length:name"; a call of all processes together."""
        return {
            f"{average.length}:{name}": value
            for average in self.running
            for name, value in whole(average.model.state_dict()).items()
        }

    def write(self, folder: Path, state: dict[str, Tensor]) -> None:
        """A state, as a part of a checkpoint's."""
        if state:
            save_tensors(state, folder / _FILE)

    def read(self, folder: Path) -> None:
        """Take back what a checkpoint's state has. Raises `InputError` for what cannot be read."""
        if self.running:
            with readable(folder):
                state = load_file(folder / _FILE)
                for average in self.running:
                    load(average.model, of_length(average.length, state))

    def keep(self, run: Path, last: int, every: int) -> None:
        """Make a snapshot of the averages of the last checkpoint, and leave out others, so that few are enough.

        Those kept are the latest and, before it, the multiples of `every` 2^k, at the least k for which there are 64 at
        most: which they are follows from the step, however often the run was stopped. Raises `SavingError`.
        """
        if not self.running:
            return
        state, snapshot = of_step(run, last) / "state", run / _FOLDER / of_step(run, last).name
        distance = spacing(last, every)
        with saving(f"the averages of step {last} in {run}"):
            write_folder(snapshot, lambda folder: _copy(state, folder))
            for other in snapshots(run):
                step = int(other.name)
                if step > last or (step < last and step % distance):  # after it: of steps that are trained again
                    remove_folder(other)


def snapshots(run: Path) -> list[Path]:
    """Those of a run, in the order of their steps."""
    return steps(run / _FOLDER)


def spacing(last: int, every: int) -> int:
    """The distance of snapshots up to the step `last`."""
    while last // every > _MOST:
        every *= 2
    return every


def of_length(length: float, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The average of one length, by the names of its tensors."""
    return {name.partition(":")[2]: value for name, value in state.items() if name.startswith(f"{length}:")}


def averaged(
    snapshots: list[Path], stored: list[float], wanted: list[float], model: NeuralDiffusion
) -> list[tuple[dict[str, Tensor], float]]:
    """The averages of the lengths that are `wanted`, up to the last snapshot, and the error of the profile of each.

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
        with readable(verified(snapshot, f"restore it, or delete {snapshot}: the others do without it") / _FILE):
            state = load_file(snapshot / _FILE)
            for length in stored:
                part = of_length(length, state)
                for sum_, weight in zip(sums, next(rows), strict=True):
                    for name, total in sum_.items():
                        total.add_(part[name].double(), alpha=float(weight))
    return [
        (part | {name: total.to(part[name].dtype) for name, total in sum_.items()}, float(error))
        for sum_, error in zip(sums, errors, strict=True)
    ]


def _copy(state: Path, folder: Path) -> None:
    """The same files where the system can link them: a snapshot takes room when its checkpoint is gone."""
    for name in _SNAPSHOT:
        try:
            os.link(state / name, folder / name)
        except OSError:
            shutil.copyfile(state / name, folder / name)
