"""Running averages of the weights, which are part of the checkpoints."""

import copy
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ndm.model import NeuralDiffusion
from ndm.runs.checkpoint import readable
from ndm.training.averages.power import FILE, keep_snapshot, kept, of_length
from ndm.training.parallel import load, own, whole
from ndm.training.state import save_tensors

Model = TypeVar("Model", bound=nn.Module)


class MovingAverage(ABC, Generic[Model]):
    """A moving average, m <- d m + (1 - d) w with d = `kept(n)` after every step n = 0, 1, ...; buffers are copied."""

    def __init__(self, model: Model) -> None:
        self.model: Model = copy.deepcopy(model).eval().requires_grad_(False)
        self.followed: nn.Module | None = None

    @abstractmethod
    def kept(self, step: int) -> float:
        """The factor d of step n."""

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Update the average with the weights of `model` after step n."""
        if model is not self.followed:
            self._follow(model)
        torch._foreach_lerp_(self._averages, self._weights, 1 - self.kept(step))
        if self._buffers:
            torch._foreach_copy_(self._copies, self._buffers)

    def _follow(self, model: nn.Module) -> None:
        """List the tensors of both, once: a walk over modules takes as long as the average itself."""
        self.followed = model
        self._averages, self._weights = ([own(p.detach()) for p in m.parameters()] for m in (self.model, model))
        self._copies, self._buffers = list(self.model.buffers()), list(model.buffers())


class ExponentialMovingAverage(MovingAverage[Model]):
    """An exponential average, d = min(decay, (1 + n) / (10 + n)), which forgets the first weights quickly."""

    def __init__(self, model: Model, decay: float) -> None:
        super().__init__(model)
        self.decay = decay

    def kept(self, step: int) -> float:
        return min(self.decay, (1 + step) / (10 + step))


class PowerAverage(MovingAverage[NeuralDiffusion]):
    """A power average, d = (1 - 1/t)^(g + 1) at step t = n + 1: `ndm.training.averages.power`."""

    def __init__(self, model: NeuralDiffusion, length: float) -> None:
        super().__init__(model)
        self.length = length

    def kept(self, step: int) -> float:
        return kept(self.length, step + 1)


class PowerAverages:
    """The power averages of a training, of these relative lengths; without lengths it does nothing."""

    def __init__(self, model: NeuralDiffusion, lengths: tuple[float, ...]) -> None:
        self.running = [PowerAverage(model, length) for length in lengths]

    @property
    def models(self) -> list[NeuralDiffusion]:
        """The models that hold the averages."""
        return [average.model for average in self.running]

    def update(self, model: NeuralDiffusion, step: int) -> None:
        """Update all averages with the weights after a step."""
        for average in self.running:
            average.update(model, step)

    def state(self) -> dict[str, Tensor]:
        """Gather the state of all averages as "length:name"; all processes call it together."""
        return {
            f"{average.length}:{name}": value
            for average in self.running
            for name, value in whole(average.model.state_dict()).items()
        }

    def write(self, folder: Path, state: dict[str, Tensor]) -> None:
        """Write a state into the state of a checkpoint."""
        if state:
            save_tensors(state, folder / FILE)

    def read(self, folder: Path) -> None:
        """Read the averages from a checkpoint's state; raises `InputError` for what cannot be read."""
        if self.running:
            with readable(folder):
                state = load_file(folder / FILE)
                for average in self.running:
                    load(average.model, of_length(average.length, state))

    def keep(self, run: Path, last: int, every: int) -> None:
        """Make a snapshot of the averages of the last checkpoint, and thin out older ones."""
        if self.running:
            keep_snapshot(run, last, every)
