"""A run's folder as its readers see it: the model, and the data it was trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ndm.data import DataSet, load
from ndm.decoders.levels import LevelsDecoder
from ndm.errors import InputError
from ndm.model import NeuralDiffusion
from ndm.times import ImportanceTimes
from ndm.training.build import as_tensor
from ndm.training.checkpoint import best, latest
from ndm.training.config import read_yaml
from ndm.training.state import read_progress, read_times


@dataclass(frozen=True)
class Run:
    """The averaged model of a run's checkpoint, and what is known of the run."""

    folder: Path
    model: NeuralDiffusion
    config: dict[str, Any]
    progress: dict[str, Any]
    times: ImportanceTimes | None  # the density of t that training learned

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.config["data"]["event_shape"])

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def is_image(self) -> bool:
        """Whether the model is one of images (levels), or of real values."""
        return self.config["data"]["num_levels"] is not None

    def data(self, name_or_path: str | None = None, options: dict[str, Any] | None = None) -> DataSet:
        """The run's own data, or others (by name, by `options`, or both) that its model can take.

        Raises `InputError` if it cannot, and where the run's own data have changed.
        """
        about = self.config["data"]
        own = name_or_path is None and not options
        data = load(name_or_path or about["from"], self.config["data_options"] if own else options)
        if own and data.fingerprint() != about["fingerprint"]:
            raise InputError(f"{about['from']}, which has changed since the run was started",
                             f"data of fingerprint {about['fingerprint']}", "restore it, or say --data to evaluate it")
        if data.event_shape != self.event_shape or data.num_levels != about["num_levels"]:
            raise InputError(f"{data.name}: events of shape {data.event_shape}, levels {data.num_levels}",
                             f"shape {self.event_shape}, levels {about['num_levels']}, as the model was trained on")
        return data

    def examples(self, data: DataSet, split: str, limit: int | None = None) -> Tensor:
        """The examples of a split, or the first `limit` of them, as the model takes them."""
        return as_tensor(data.split(split).x[:limit], self.model.decoder)


def open_run(folder: Path, checkpoint: Literal["latest", "best"] = "latest") -> Run:
    """Open a run, its latest checkpoint or the best by validation verified.

    Raises `InputError` for a folder that is no run, has no checkpoint yet, or a damaged one.
    """
    config = read_yaml(folder / "config.yaml")
    found = (best if checkpoint == "best" else latest)(folder)
    if found is None:
        kind = "best checkpoint: it was not validated" if checkpoint == "best" else "checkpoint yet"
        raise InputError(f"{folder}, which has no {kind}", "a run that has been trained")
    device = f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"
    model = NeuralDiffusion.from_pretrained(found / "model", map_location=device)
    levels = model.decoder.num_levels if isinstance(model.decoder, LevelsDecoder) else None
    if levels != config["data"]["num_levels"]:
        raise InputError(f"{folder / 'config.yaml'} with num_levels {config['data']['num_levels']}",
                         f"{levels}, as its model has", "restore the file")
    state = found / "state"
    return Run(folder, model, config, read_progress(state), read_times(state))
