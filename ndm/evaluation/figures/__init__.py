"""Pictures of data, samples, learned paths and trainings, as PNG bytes: a drawing for each kind of event."""

import numpy as np

from ndm.data.event import Event
from ndm.evaluation.figures.curves import bound_over_time, training_curve
from ndm.evaluation.figures.drawing import Drawing, Neighbours
from ndm.evaluation.figures.lines import SignalDrawing
from ndm.evaluation.figures.panels import ImageDrawing, VolumeDrawing
from ndm.evaluation.figures.paper import png
from ndm.evaluation.figures.points import PointDrawing

__all__ = ["Drawing", "Neighbours", "bound_over_time", "drawing_of", "png", "training_curve"]

_DRAWINGS: dict[str, type[Drawing]] = {
    "image": ImageDrawing,
    "float image": ImageDrawing,
    "signal": SignalDrawing,
    "volume": VolumeDrawing,
    "points": PointDrawing,
    "table": PointDrawing,
}


def drawing_of(event: Event, like: np.ndarray | None = None) -> Drawing:
    """Make the drawing of events of this kind; `like` are real examples that fix the scale."""
    return _DRAWINGS[event.kind](event, like)
