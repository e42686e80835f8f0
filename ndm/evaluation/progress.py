"""Pictures of a model that is being trained: samples, and the path that it has learned so far."""

import numpy as np
import torch

from ndm.base.axes import SAMPLERS
from ndm.config import Config
from ndm.data import DataSet
from ndm.evaluation.figures import by_class, check_picture, filmstrip, picture_of
from ndm.model import NeuralDiffusion
from ndm.parts.conditions import LabelCondition
from ndm.training.objective import as_piece

_IMAGES, _ROWS, _POINTS = 36, 4, 1200
_CLASSES, _IN_A_ROW = 10, 12  # of those that are shown each, and images of each
_TIMES = [0.0, 0.25, 0.5, 0.75, 1.0]


class ProgressPictures:
    """Draws samples, always from the same noise, and F(x, t) of the same validation examples.

    Samples of a model that is told a class are in rows, one for each class; those of one that is told values are under
    the values of validation examples.

    Raises `InputError` for data that cannot be pictured.
    """

    def __init__(self, config: Config, data: DataSet) -> None:
        check_picture(data.event_shape, data.num_levels)
        self.config, self.data = config, data
        self.about = {"name": data.name, "num_levels": data.num_levels}

    @torch.no_grad()
    def __call__(self, model: NeuralDiffusion) -> dict[str, bytes]:
        """Draw the pictures as PNG, by name; that of the path is left out for F = x."""
        kind = SAMPLERS.find(self.config.sampler)
        sampler = kind(model, self.config.timesteps) if self.config.timesteps else kind(model)
        number = _IMAGES if self.data.is_image else _POINTS
        parts = []
        groups: dict[str, torch.Tensor | None] = {**rows_of_classes(model, self.data.is_image)}
        for name, cond in (groups or {"": self._told(model, number)}).items():
            shape = (number if cond is None else len(cond), *self.data.event_shape)
            parts.append((name, model.decoder.to_raw(sampler(shape, cond, seed=0))))
        several = len(parts) > 1
        pictures = {"samples": by_class(parts, self.about) if several else picture_of(parts[0][1], self.about)}
        shown = self.data.validation.take(slice(_ROWS if self.data.is_image else _POINTS))
        frames = paths(model, *as_piece(model, shown.x, shown.cond), _TIMES)
        if (frames != frames[0]).any():
            pictures["filmstrip"] = filmstrip(frames, _TIMES)
        return pictures

    def _told(self, model: NeuralDiffusion, number: int) -> torch.Tensor | None:
        """Conditions of validation examples, one after the other."""
        own = self.data.validation.take(np.arange(number) % len(self.data.validation))
        return as_piece(model, own.x[:1], own.cond)[1]


def rows_of_classes(model: NeuralDiffusion, is_image: bool) -> dict[str, torch.Tensor]:
    """Conditions of samples to picture, by the name of the class: none where the model is not told a class.

    Of many classes they are the first.
    """
    condition = model.condition
    if not isinstance(condition, LabelCondition):
        return {}
    device = next(model.parameters()).device
    number = _IN_A_ROW if is_image else _POINTS // min(len(condition.classes), _CLASSES)
    return {name: torch.full((number,), k, device=device) for k, name in enumerate(condition.classes[:_CLASSES])}


@torch.no_grad()
def paths(model: NeuralDiffusion, x: torch.Tensor, cond: torch.Tensor | None, times: list[float]) -> np.ndarray:
    """Compute F(x, t) at every time, (len(times), N, *event)."""
    device = next(model.parameters()).device
    curve = model.curve(x.to(device), None if cond is None else cond.to(device))
    return torch.stack([curve(torch.tensor(t, device=device)) for t in times]).cpu().numpy()
