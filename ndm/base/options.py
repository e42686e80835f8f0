"""The options of parts, as data: which there are, of which types, and whether those that are given are among them."""

import difflib
import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ndm.base.axes import PARTS
from ndm.base.errors import InputError
from ndm.base.kinds import constructor, fits
from ndm.base.registry import Axis
from ndm.base.spec import Spec

SPEC = [field.name for field in fields(Spec)]
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_options(axis: Axis, name: str | None, options: Mapping[str, Any]) -> None:
    """Raise `InputError` for an option that the part called `name` does not have, or a value of a wrong type.

    Without a name it must be an option of some part of the axis: which part it is, the data decide.
    """
    kinds = [axis.find(each) for each in ([name] if name is not None else axis.names())]
    check(kinds, f"any {axis.kind}" if name is None else f"the {name} {axis.kind}", options, axis.given)


def check(kinds: Sequence[Any], what: str, options: Mapping[str, Any], given: Collection[str] = ()) -> None:
    """Raise `InputError` for an option that none of these classes has, or a value of a wrong type.

    `what` names them, and `given` are the arguments that are no options, because the maker passes them.
    """
    known = [_known(kind, options, given) for kind in kinds]
    for option, value in options.items():
        if option in SPEC:
            raise InputError(
                f"the option {option} for {what}",
                "options of the part alone",
                "it follows from the data and the number of steps",
            )
        found = [each[option] for each in known if each is not None and option in each]
        if not found and None not in known:
            _refuse(option, what, sorted({each for one in known if one is not None for each in one}))
        if found and not any(_fits(value, each) for each in found):
            raise InputError(f"{option} = {value!r} for {what}", " or ".join(dict.fromkeys(map(shown, found))))
        for inner in (each for each in PARTS if option == f"{each.kind}_options" and isinstance(value, dict)):
            check_options(inner, options.get(inner.kind), value)


def options_of(kind: Any) -> dict[str, inspect.Parameter]:
    """The options of `from_spec` by name, with types and defaults; without those that are passed on to other parts."""
    return {each.name: each for each in _parameters(kind) if each.kind in BY_NAME and each.name not in SPEC}


def passes_on(kind: Any) -> bool:
    """Whether options that it does not name itself go to a part that it is made of."""
    return any(each.kind is each.VAR_KEYWORD for each in _parameters(kind))


def own_options(axis: Axis, name: str) -> dict[str, inspect.Parameter]:
    """The options that the part called `name` has itself, by name."""
    return _own(axis.find(name), axis.given)


def shown(option: inspect.Parameter) -> str:
    """An option with its type and its default, as `width: int = 128`."""
    kind = option.annotation
    words = [option.name]
    if kind is not option.empty:
        words[0] += f": {kind if isinstance(kind, str) else inspect.formatannotation(kind)}".replace("typing.", "")
    if option.default not in (option.empty, None):
        words += ["=", _value(option.default)]
    return " ".join(words).replace("collections.abc.", "")


def _parameters(kind: Any) -> list[inspect.Parameter]:
    """What `made_for` takes beside the spec; the constructor, where that is all that it does."""
    maker = list(inspect.signature(kind.made_for).parameters.values())
    passes_all = any(each.kind is each.VAR_POSITIONAL for each in maker)
    return list(constructor(kind)[0].parameters.values())[1:] if passes_all else maker[1:]


def _own(kind: Any, given: Collection[str]) -> dict[str, inspect.Parameter]:
    return {option: each for option, each in options_of(kind).items() if option not in given}


def _known(kind: Any, options: Mapping[str, Any], given: Collection[str]) -> dict[str, inspect.Parameter] | None:
    """The options of a part, and of the one that it passes others on to; None where that is not said."""
    known, onward = _own(kind, given), kind.passes_on_to
    if onward is None:
        return None if passes_on(kind) else known
    chooses = inspect.Parameter(onward.kind, inspect.Parameter.KEYWORD_ONLY, annotation=str)
    chosen = options.get(onward.kind, known.get(onward.kind, chooses).default)
    further = [own_options(onward, each) for each in ([chosen] if isinstance(chosen, str) else onward.names())]
    return {option: each for one in reversed(further) for option, each in one.items()} | {onward.kind: chooses} | known


def _fits(value: Any, option: inspect.Parameter) -> bool:
    is_text = isinstance(option.annotation, str)  # of a module with `from __future__ import annotations`
    return is_text or option.annotation is option.empty or fits(value, option.annotation)


def _refuse(option: str, what: str, known: list[str]) -> None:
    near = difflib.get_close_matches(option, known, 1)
    expected = f"one of {', '.join(known)}" if known else "no options"
    raise InputError(f"the option {option} for {what}", expected, f"perhaps you meant {near[0]}" if near else "")


def _value(default: Any) -> str:
    return f"[{','.join(map(str, default))}]" if isinstance(default, tuple) else str(default)
