"""Opening of a run: its model, and the data it was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.bounds.time_samplers import Importance
from ndm.config import read_yaml
from ndm.data import DataSet, Whole, read
from ndm.data.labels import NO_CLASS
from ndm.data.lazy import Examples
from ndm.model import NeuralDiffusion
from ndm.parts.conditions import LabelCondition
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.runs.checkpoint import best, latest, newest, read_progress, read_times, weights_digest
from ndm.runs.folder import CONFIGURATION, left_of_checkpoints


@dataclass(frozen=True)
class Run:
    """The averaged model of a run's checkpoint, and what is known of the run."""

    folder: Path
    model: NeuralDiffusion
    config: dict[str, Any]
    progress: dict[str, Any]
    time_sampler: Importance | None  # the density of t that training learned
    weights: str  # a digest of the averaged weights
    is_latest: bool  # whether they are those of the latest checkpoint
    allow: Sequence[str] = ()  # modules outside of ndm that may be imported because the run names them

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.config["data"]["event_shape"])

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.model.parameters()).device

    @property
    def is_image(self) -> bool:
        """Whether the model is of images (levels), or of real values."""
        return self.config["data"]["num_levels"] is not None

    def read(self) -> Whole | DataSet:
        """Read the run's data, before they are split; raises `InputError` where they have changed."""
        about = self.config["data"]
        found = read(about["from"], self.config["data_options"], self.config["condition"])
        if found.divided().fingerprint() != about["fingerprint"]:
            raise InputError(
                f"{about['from']}, which has changed since the run was started",
                f"data of fingerprint {about['fingerprint']}",
                "restore it, or say --data to evaluate it",
            )
        return self.checked(found)

    def data(self) -> DataSet:
        """Load the run's data in splits; raises `InputError` where they have changed."""
        return self.read().divided()

    def checked(self, data: Whole | DataSet) -> Whole | DataSet:
        """Check that the model can take the data; raises `InputError` otherwise."""
        levels = self.config["data"]["num_levels"]
        if data.event_shape != self.event_shape or data.num_levels != levels:
            raise InputError(
                f"{data.name}: events of shape {data.event_shape}, levels {data.num_levels}",
                f"shape {self.event_shape}, levels {levels}, as the model was trained on",
            )
        return data

    def examples(self, data: DataSet, split: str, limit: int | None = None) -> tuple[Tensor, Tensor | None]:
        """The examples of a split, or the first `limit` of them, and their condition, as the model takes them."""
        some = data.split(split).take(slice(limit))
        return self.as_input(some.x), self.told(data, some.cond)

    def told(self, data: Whole | DataSet, cond: np.ndarray | None) -> Tensor | None:
        """The condition of examples of `data` as the model takes it; None where it takes none.

        Classes are matched by name. Raises `InputError` for one that the model does not know.
        """
        condition = self.model.condition
        if condition is None or cond is None:
            return None
        if not isinstance(condition, LabelCondition):
            return torch.from_numpy(cond)
        numbers = np.full(len(data.classes) + 1, NO_CLASS)  # the last is that of no class
        there = np.unique(cond[cond != NO_CLASS])
        try:
            numbers[there] = condition.numbers([data.classes[number] for number in there])
        except InputError as error:
            raise InputError(
                f"{data.name} with {error.got}", error.expected, "the model knows no other class"
            ) from None
        return torch.from_numpy(numbers[cond])

    def as_input(self, x: Examples) -> Tensor:
        """Convert examples to what the model takes."""
        return self.model.decoder.from_raw(x)


def open_run(folder: Path, checkpoint: Literal["latest", "best"] = "latest", allow: Sequence[str] = ()) -> Run:
    """Open a run, its latest checkpoint or the best by validation verified; torch gets the threads that it trained on.

    More of them wait for each other where operations are small, or where other programs hold the cores.

    `allow` are modules outside of ndm that may be imported for its parts, as in `NeuralDiffusion.from_pretrained`.

    Raises `InputError` for a folder that is no run, has no checkpoint yet, or a damaged one.
    """
    found = (best if checkpoint == "best" else latest)(folder)
    progress = {} if found is None else read_progress(found / "state")
    config = read_yaml(folder / CONFIGURATION, progress.get("configuration"))
    if found is None:
        kind = "checkpoint yet"
        if checkpoint == "best" and newest(folder) is not None:
            kind = "best checkpoint: it was not validated"
        elif left := left_of_checkpoints(folder):
            kind = f"checkpoint any more (its {left} is there)"
        raise InputError(f"{folder}, which has no {kind}", "a run that has been trained")
    if config.get("threads") is not None:
        torch.set_num_threads(config["threads"])
    device = f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"
    digest = weights_digest(found)
    model = NeuralDiffusion.from_pretrained(found / "model", map_location=device, digest=digest, allow=allow)
    levels = model.decoder.num_levels if isinstance(model.decoder, DiscretisedDecoder) else None
    if levels != config["data"]["num_levels"]:
        raise InputError(
            f"{folder / 'config.yaml'} with num_levels {config['data']['num_levels']}",
            f"{levels}, as its model has",
            "restore the file",
        )
    return Run(
        folder,
        model,
        config,
        progress,
        read_times(found / "state"),
        digest[:16],
        found == newest(folder),
        allow,
    )
