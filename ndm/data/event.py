"""What kind of thing an example is, which decides how it is drawn: an image, a signal, a volume, a point, a row."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["image", "float image", "signal", "volume", "points", "table"]

_COLOURS = 4  # channels, at most, where the sizes do not tell
_RATIO = 8  # of the longest size to the number of channels, from which an axis is one of channels
_SHORTEST = 16  # places of a signal without channels: fewer numbers are a row
_BY_AXES: dict[int, Kind] = {1: "signal", 2: "float image", 3: "volume"}


@dataclass(frozen=True)
class Event:
    """An example's kind, its channels and its sizes, (channels, *sizes) when channels are an axis too.

    kind        image: integer levels, (C, H, W); float image, signal and volume: real values over two, one and three
                axes; points: of the plane; table: rows of numbers, or events that are none of these, flattened
    channels    1 where the event has no axis of channels
    sizes       the lengths of the other axes
    num_levels  of an image
    names       of the dimensions of points and tables: columns, or their numbers
    is_map      whether points are longitude and latitude
    """

    kind: Kind
    channels: int
    sizes: tuple[int, ...]
    num_levels: int | None = None
    names: tuple[str, ...] = ()
    is_map: bool = False


def event_of(
    shape: Sequence[int], num_levels: int | None, columns: Sequence[str] = (), axes: int | None = None, name: str = ""
) -> Event:
    """Decide the kind of events of `shape`, of data called `name`.

    Levels are images. Real values over `axes` axes are what these say. Where they are not given, the first axis is one
    of channels if it is at most 4, or if the longest other axis is 8 times as long, or if there are four: (19, 256) is
    a signal of 19 channels, (28, 28) an image and (16, 16, 16) a volume. One axis without names of `columns` is a
    signal from 16 places on.
    """
    shape = tuple(shape)
    if num_levels is not None:
        return Event("image", shape[0], shape[1:], num_levels)
    is_row = axes is None and len(shape) == 1 and (bool(columns) or shape[0] < _SHORTEST)
    if axes is None:
        axes = len(shape) - (len(shape) > 1 and _begins_with_channels(shape))
    if axes in _BY_AXES and len(shape) - axes in (0, 1) and not is_row:
        return Event(_BY_AXES[axes], shape[0] if len(shape) > axes else 1, shape[len(shape) - axes :])
    number, is_map = math.prod(shape), name == "cities"
    names = ("longitude", "latitude") if is_map else tuple(columns) or tuple(f"x[{i}]" for i in range(number))
    return Event("points" if shape == (2,) else "table", 1, (number,), names=names, is_map=is_map)


def event_of_run(config: Mapping[str, Any]) -> Event:
    """Decide the kind of a run's events, from its configuration: its data, and the axes of its network."""
    about = config["data"]
    columns, axes = about["reading"].get("dimensions", ()), config["predictor_options"].get("axes")
    return event_of(about["event_shape"], about["num_levels"], columns, axes, about["name"])


def _begins_with_channels(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 or shape[0] <= _COLOURS or _RATIO * shape[0] <= max(shape[1:])
