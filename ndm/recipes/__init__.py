"""Named configurations, one file each; what the command line gives goes on top.

A file holds `RECIPE`, a `Config` made for some data, or `MODEL`, the settings that make a known model, whatever the
data: they go on top of the recipe of the data, which keeps its network, its budget and its learning rate.
"""

from dataclasses import replace
from typing import Any

from ndm.base.registry import choose, modules
from ndm.config import Config
from ndm.data import DataSet

_SMALLEST_FOR_UNET = 8  # pixels


def recipe(name: str | None, data: DataSet) -> Config:
    """The recipe called `name`; by default that of the data set's name, or the one for its kind of data."""
    known = modules(__name__)
    chosen = choose("recipe", name, known) if name is not None else None
    if model := getattr(chosen, "MODEL", None):
        return _of_model(_for_data(data, known), model)
    found: Config = chosen.RECIPE if chosen else _for_data(data, known)
    return found


def _for_data(data: DataSet, known: dict[str, Any]) -> Config:
    wants_unet = data.is_image and min(data.event_shape[1:]) >= _SMALLEST_FOR_UNET
    of_kind: Config = known["images" if wants_unet else "vectors"].RECIPE
    return getattr(known.get(data.name), "RECIPE", of_kind)


def _of_model(config: Config, model: dict[str, Any]) -> Config:
    """`config` with the parts of `model`, whose options go with them; a predictor keeps its network's."""
    gone: dict[str, Any] = {f"{part}_options": {} for part in ("schedule", "transform", "volatility") if part in model}
    parameterisation = config.predictor_options | model["predictor_options"]
    return replace(config, **gone | model | {"predictor_options": parameterisation})
