"""Pictures of a run while it trains: PNG files in RUN/pictures, and in TensorBoard."""

import io
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.image import imread
from torch.utils.tensorboard import SummaryWriter

from ndm.base.files import make_folder, write_atomically
from ndm.model import NeuralDiffusion
from ndm.runs.writing import saving
from ndm.training.ending import extra

Draw = Callable[[NeuralDiffusion], dict[str, bytes]]  # a model's pictures as PNG, by name


class Pictures:
    """Draws pictures of the averaged model by `draw`, and writes them."""

    def __init__(self, run: Path, draw: Draw) -> None:
        self.folder, self.draw = run / "pictures", draw

    def __call__(self, step: int, model: NeuralDiffusion, writer: SummaryWriter) -> None:
        """Draw without changing the randomness of the run; what cannot be drawn is a warning.

        Raises `SavingError` where there is no room for it.
        """
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
