"""Read back from a saved model which parts it has, and the options with which `Part.from_spec` makes their like."""

from collections.abc import Mapping
from typing import Any

from ndm.base.axes import PARTS, PREDICTORS, REVERSE_STEPS, SCHEDULES, TRANSFORMS, VOLATILITIES
from ndm.base.options import SPEC, options_of
from ndm.base.part import Part, made_with
from ndm.base.registry import Axis

_AXES = {
    "schedule": SCHEDULES,
    "transform": TRANSFORMS,
    "predictor": PREDICTORS,
    "volatility": VOLATILITIES,
    "reverse_step": REVERSE_STEPS,
}


def settings_of(model: Part) -> dict[str, Any]:
    """The settings of a `Config` that name the parts of `model`: schedule, schedule_options and so on.

    What follows from data and the number of steps is left out. So is a part that has no name, such as a callable.
    """
    found: dict[str, Any] = {}
    for setting, axis in _AXES.items():
        part = getattr(model, setting)
        name = _name(part, axis)
        if name is not None:
            found[setting] = name
            found[f"{setting}_options"] = _options(part, axis)
    found.pop("reverse_step_options", None)  # they have none
    return found


def _options(part: Part, axis: Axis) -> dict[str, Any]:
    """The options of a part; those of a part that it passes options on to are among them."""
    kind, known = type(part), options_of(type(part))
    found: dict[str, Any] = {}
    for argument, value in made_with(part).items():
        if isinstance(value, Part):
            found |= _options_within(kind, known, argument, value)
        elif argument in known and argument not in (*SPEC, *axis.given) and value != known[argument].default:
            found[argument] = list(value) if isinstance(value, tuple) else value
    return found


def _options_within(kind: type[Part], known: Mapping[str, Any], argument: str, value: Part) -> dict[str, Any]:
    """The options of a part of class `kind` that make `value`, its constructor's `argument`."""
    for inner in PARTS:
        name = _name(value, inner)
        if name is None:
            continue
        options = _options(value, inner)
        numbers = {f"{given}_{argument}": getattr(value, given, None) for given in inner.given}  # e.g. num_functions
        numbers = {option: number for option, number in numbers.items() if option in known}
        if kind.passes_on_to is inner:
            return {inner.kind: name} | options | numbers
        if argument in known:
            return {argument: name} | ({f"{argument}_options": options} if options else {}) | numbers
    return {}


def _name(part: Any, axis: Axis) -> str | None:
    """What a part is called on an axis; None where it has no name there."""
    return next((name for name in axis.names() if axis.find(name) is type(part)), None)
