"""Pictures of a model that is being trained: samples, and the path that it has learned so far."""

import numpy as np
import torch

from ndm.base.axes import SAMPLERS
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.event import event_of
from ndm.evaluation.figures import Drawing, drawing_of
from ndm.model import NeuralDiffusion
from ndm.parts.conditions import LabelCondition
from ndm.training.objective import as_piece

_MOST, _POINTS = 36, 1200  # examples that have each their place, and points
_CLASSES = 10  # that are shown each
TIMES = [0.0, 0.25, 0.5, 0.75, 1.0]


class ProgressPictures:
    """Draws samples, always from the same noise, and F(x, t) of the same validation examples.

    Samples of a model that is told a class are in rows, one for each class; those of one that is told values are under
    the values of validation examples.
    """

    def __init__(self, config: Config, data: DataSet) -> None:
        self.config, self.data = config, data
        axes = config.predictor_options.get("axes")
        event = event_of(data.event_shape, data.num_levels, data.columns, axes, data.name)
        self.drawing = drawing_of(event, data.validation.x[:_POINTS])

    @torch.no_grad()
    def __call__(self, model: NeuralDiffusion) -> dict[str, bytes]:
        """Draw the pictures as PNG, by name; that of the path is left out for F = x."""
        kind = SAMPLERS.find(self.config.sampler)
        sampler = kind(model, self.config.timesteps) if self.config.timesteps else kind(model)
        number = _POINTS if self.drawing.are_points else min(self.drawing.shown, _MOST)
        parts = []
        groups: dict[str, torch.Tensor | None] = {**rows_of_classes(model, self.drawing)}
        for name, cond in (groups or {"": self._told(model, number)}).items():
            shape = (number if cond is None else len(cond), *self.data.event_shape)
            parts.append((name, model.decoder.to_raw(sampler(shape, cond, seed=0))))
        several = len(parts) > 1
        pictures = {"samples": self.drawing.by_class(parts) if several else self.drawing.examples(parts[0][1])}
        shown = self.data.validation.take(slice(min(self.drawing.followed, _POINTS)))
        frames = paths(model, *as_piece(model, shown.x, shown.cond), TIMES)
        if (frames != frames[0]).any():
            pictures["filmstrip"] = self.drawing.filmstrip(frames, TIMES)
        return pictures

    def _told(self, model: NeuralDiffusion, number: int) -> torch.Tensor | None:
        """Conditions of validation examples, one after the other."""
        own = self.data.validation.take(np.arange(number) % len(self.data.validation))
        return as_piece(model, own.x[:1], own.cond)[1]


def rows_of_classes(model: NeuralDiffusion, drawing: Drawing) -> dict[str, torch.Tensor]:
    """Conditions of samples to picture, by the name of the class: none where the model is not told a class.

    Of many classes they are the first.
    """
    condition = model.condition
    if not isinstance(condition, LabelCondition):
        return {}
    device = next(model.parameters()).device
    number = drawing.of_a_class
    return {name: torch.full((number,), k, device=device) for k, name in enumerate(condition.classes[:_CLASSES])}


@torch.no_grad()
def paths(model: NeuralDiffusion, x: torch.Tensor, cond: torch.Tensor | None, times: list[float]) -> np.ndarray:
    """Compute F(x, t) at every time, (len(times), N, *event)."""
    device = next(model.parameters()).device
    curve = model.curve(x.to(device), None if cond is None else cond.to(device))
    return torch.stack([curve(torch.tensor(t, device=device)) for t in times]).cpu().numpy()
