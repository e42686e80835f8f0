"""Named configurations, one file each; what the command line gives goes on top.

A file, or an entry point in the group ndm.recipes of another package, holds `RECIPE`, a `Config` made for some data, or
`MODEL`, the settings that make a known model, whatever the data: they go on top of the recipe of the data, which keeps
its network, its budget and its learning rate.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ndm.base.axes import RECIPES
from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.config import BUDGET, Config
from ndm.data import DataSet

_SMALLEST_FOR_UNET = 8  # pixels


def recipe(name: str | None, data: DataSet) -> Config:
    """The recipe called `name`; by default that of the data set's name, or the one for its kind of data."""
    if name is None:
        return _for_data(data)
    chosen = _settings(RECIPES.find(name))
    return chosen if isinstance(chosen, Config) else _of_model(_for_data(data), chosen)


def configured(
    name: str | None, data: DataSet, given: Mapping[str, Any], source: Mapping[str, Any] | None = None
) -> Config:
    """`recipe(name, data)`, on top the settings of a `source` that training starts from, and then those `given`.

    A budget takes the place of the recipe's. Options are added to those of the recipe, unless they are of another part
    than the recipe's; those of the predictor are its network's, which every predictor has.
    """
    config = replace(recipe(name, data), **(source or {}))
    if any(given.get(limit) is not None for limit in BUDGET):
        config = replace(config, max_steps=None, max_seconds=None)
    options = {}
    for part in ("schedule", "transform", "volatility", "predictor"):
        recipes, wanted = getattr(config, f"{part}_options"), given.get(f"{part}_options", {})
        if part == "predictor":
            is_another = wanted.get("network", recipes.get("network")) != recipes.get("network")
        else:
            is_another = part in given and given[part] != getattr(config, part)
        options[f"{part}_options"] = wanted if is_another else recipes | wanted
    return replace(config, **{**given, **options})


def _settings(found: Any) -> Config | dict[str, Any]:
    """`RECIPE` or `MODEL` of a module, or one of both that an entry point or `module:NAME` names itself."""
    chosen = getattr(found, "RECIPE", getattr(found, "MODEL", found))
    if not isinstance(chosen, Config | dict):
        raise InputError(f"a recipe that is {a(chosen)}", "a Config, or the settings of a model as a dict")
    return chosen


def _for_data(data: DataSet) -> Config:
    """Choose the recipe of the data set's name, or the one for its kind of data."""
    wants_unet = data.is_image and min(data.event_shape[1:]) >= _SMALLEST_FOR_UNET
    of_kind: Config = RECIPES.find("images" if wants_unet else "vectors").RECIPE
    own = _settings(RECIPES.find(data.name)) if data.name in RECIPES.names() else None
    return own if isinstance(own, Config) else of_kind


def _of_model(config: Config, model: dict[str, Any]) -> Config:
    """`config` with the parts of `model`, whose options go with them; a predictor keeps its network's."""
    gone: dict[str, Any] = {f"{part}_options": {} for part in ("schedule", "transform", "volatility") if part in model}
    parameterisation = config.predictor_options | model.get("predictor_options", {})
    return replace(config, **gone | model | {"predictor_options": parameterisation})
