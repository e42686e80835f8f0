"""Named configurations, one file each, and rules for what none of them says; what the command line gives goes on top.

A file, or an entry point in the group ndm.recipes of another package, holds `RECIPE`, a `Config` made for some data, or
`MODEL`, the settings that make a known model, whatever the data. Data without a recipe of their name get what the rules
choose (`choose`): settings that fit the data, the machine and the budget. A model goes on top of both.
"""

from collections.abc import Mapping
from typing import Any

from ndm.base.axes import RECIPES
from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.config import BUDGET, Config
from ndm.data import DataSet
from ndm.recipes._facts import Facts, facts_of
from ndm.recipes._ladder import SECONDS, Rung
from ndm.recipes._rules import RULED, Choice, Chosen, choose, duration, measured
from ndm.recipes._settled import Settled

__all__ = [
    "RULED",
    "SECONDS",
    "Choice",
    "Chosen",
    "Facts",
    "Rung",
    "Settled",
    "choose",
    "duration",
    "facts_of",
    "measured",
    "recipe",
    "settle",
]

_STEPS = 5000


def recipe(name: str | None, data: DataSet, steps: int = _STEPS) -> Config:
    """The recipe called `name`; by default that of the data set's name, or what the rules choose for so many steps."""
    settled = settle(name, data, {})
    if settled.is_whole:
        return settled.config({})
    settled = settle(name, data, {"max_steps": steps})
    return settled.config(choose(facts_of(data), settled, _unmeasured).values)


def settle(
    name: str | None, data: DataSet, given: Mapping[str, Any], source: Mapping[str, Any] | None = None
) -> Settled:
    """Settle what nothing has to choose: the recipe called `name`, on top a `source`, and then what is `given`.

    Without a name the recipe is that of the data set's name, if there is one. The settings of a source are those that
    training starts from. A budget takes the place of the recipe's. Options are added to those of the recipe, unless
    they are of another part than the recipe's; those of the predictor are its network's, which every predictor has.
    """
    found = {} if name is None else _settings(RECIPES.find(name))
    whole = found if isinstance(found, Config) else _of_name(data)
    values = {} if whole is None else dict(vars(whole))
    values = _on_top(values, {} if isinstance(found, Config) else found) | dict(source or {})
    if any(given.get(limit) is not None for limit in BUDGET):
        values |= dict.fromkeys(BUDGET)
    values = _on_top(values, given)
    closed = {"schedule"} if "schedule" in values else set()
    closed |= {"predictor"} if source and "predictor_options" in source else set()
    return Settled(values, frozenset(closed), is_whole=whole is not None)


def _on_top(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`more` settings on top of `values`, whose options stay where they are of the same part."""
    options = {}
    for part in ("schedule", "transform", "volatility", "predictor"):
        name = f"{part}_options"
        before, wanted = values.get(name, {}), more.get(name, {})
        if part == "predictor":
            is_another = "network" in before and wanted.get("network", before["network"]) != before["network"]
        else:
            is_another = part in more and more[part] != values.get(part)
        if name in values or name in more:
            options[name] = wanted if is_another else before | wanted
    return {**values, **more, **options}


def _settings(found: Any) -> Config | dict[str, Any]:
    """`RECIPE` or `MODEL` of a module, or one of both that an entry point or `module:NAME` names itself."""
    chosen = getattr(found, "RECIPE", getattr(found, "MODEL", found))
    if not isinstance(chosen, Config | dict):
        raise InputError(f"a recipe that is {a(chosen)}", "a Config, or the settings of a model as a dict")
    return chosen


def _of_name(data: DataSet) -> Config | None:
    """The recipe of the data set's name, if there is one."""
    own = _settings(RECIPES.find(data.name)) if data.name in RECIPES.names() else None
    return own if isinstance(own, Config) else None


def _unmeasured(rung: Rung) -> float:
    raise AssertionError("a budget of steps needs no measure")
