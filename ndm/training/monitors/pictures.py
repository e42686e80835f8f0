"""Pictures of a run while it trains: PNG files in RUN/pictures, and in TensorBoard."""

import io
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.image import imread
from torch.utils.tensorboard import SummaryWriter

from ndm.base.files import make_folder, write_atomically
from ndm.model import NeuralDiffusion
from ndm.runs.saving import extra, saving

Draw = Callable[[NeuralDiffusion], dict[str, bytes]]  # a model's pictures as PNG, by name


class Pictures:
    """What `draw` makes of the averaged model every `every` steps; 0 or nothing to draw with: none."""

    def __init__(self, run: Path, every: int, draw: Draw | None) -> None:
        self.folder, self.every, self.draw = run / "pictures", every, draw

    def due(self, step: int) -> bool:
        """Whether `step` is one of the schedule."""
        return self.draw is not None and bool(self.every) and step % self.every == 0

    def __call__(self, step: int, model: NeuralDiffusion, writer: SummaryWriter) -> None:
        """Draw; the randomness of the run is left as it was. What cannot be drawn is a warning.

        Raises `SavingError` where there is no room for it.
        """
        assert self.draw is not None
        with extra(f"the pictures of step {step} cannot be drawn"):
            with torch.random.fork_rng():
                pictures = self.draw(model)
            self._write(step, pictures, writer)

    def _write(self, step: int, pictures: dict[str, bytes], writer: SummaryWriter) -> None:
        with saving(f"the pictures of step {step} in {self.folder}"):
            make_folder(self.folder)
            for name, content in pictures.items():
                write_atomically(self.folder / f"{step:08d}-{name}.png", content)
                writer.add_image(name, imread(io.BytesIO(content), format="png"), step, dataformats="HWC")
