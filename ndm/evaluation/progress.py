"""Pictures of a model that is being trained: samples, and the path that it has learned so far."""

import numpy as np
import torch

from ndm.base.axes import SAMPLERS
from ndm.config import Config
from ndm.data import DataSet
from ndm.evaluation.figures import check_picture, filmstrip, picture_of
from ndm.model import NeuralDiffusion

_IMAGES, _ROWS, _POINTS = 36, 4, 1200
_TIMES = [0.0, 0.25, 0.5, 0.75, 1.0]


class ProgressPictures:
    """Samples of the run's sampler, always from the same noise, and F(x, t) of the same validation examples.

    Raises `InputError` for data that cannot be pictured.
    """

    def __init__(self, config: Config, data: DataSet) -> None:
        check_picture(data.event_shape, data.num_levels)
        self.config, self.data = config, data
        self.about = {"name": data.name, "num_levels": data.num_levels}

    @torch.no_grad()
    def __call__(self, model: NeuralDiffusion) -> dict[str, bytes]:
        """The pictures as PNG, by name; a path that F = x leaves still is none."""
        kind = SAMPLERS.find(self.config.sampler)
        sampler = kind(model, self.config.timesteps) if self.config.timesteps else kind(model)
        number = _IMAGES if self.data.is_image else _POINTS
        samples = model.decoder.to_raw(sampler((number, *self.data.event_shape), seed=0))
        pictures = {"samples": picture_of(samples, self.about)}
        shown = self.data.validation.x[: _ROWS if self.data.is_image else _POINTS]
        frames = paths(model, model.decoder.from_raw(shown), _TIMES)
        if (frames != frames[0]).any():
            pictures["filmstrip"] = filmstrip(frames, _TIMES)
        return pictures


@torch.no_grad()
def paths(model: NeuralDiffusion, x: torch.Tensor, times: list[float]) -> np.ndarray:
    """F(x, t) at every time, (len(times), N, *event)."""
    device = next(model.parameters()).device
    curve = model.curve(x.to(device))
    return torch.stack([curve(torch.tensor(t, device=device)) for t in times]).cpu().numpy()
