"""Whether values are of the annotated types: of what files say, and of the arguments of public functions and parts."""

import functools
import inspect
import types
from abc import ABCMeta
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ndm.base.axes import axis_of
from ndm.base.errors import InputError

Function = TypeVar("Function", bound=Callable[..., Any])

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_OWNERS = ("self", "cls")
_OF_VALUES = (type, str, list, tuple, dict)  # of which one may fit, and another not
_WORDS = {int: "a whole number", float: "a number", str: "a name", bool: "true or false", type(None): "None"}


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of the annotated type `kind`.

    Whole numbers are numbers, and lists stand for tuples, as they do in YAML; true and false are no numbers.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fits(value, parts[0])
    if origin is Literal:
        return value in parts
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if kind is tuple or origin is tuple:
        several = parts[:1] * len(value) if parts[1:] == (...,) and isinstance(value, list | tuple) else parts
        return isinstance(value, list | tuple) and (
            not parts or (len(several) == len(value) and all(map(fits, value, several)))
        )
    if origin in (list, Sequence):
        is_one = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return is_one and all(fits(each, parts[0]) for each in value)
    if origin is Callable:
        return callable(value) and not isinstance(value, type)  # which is called to be made
    if kind in (int, float):
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    plain = type(None) if kind is None else origin or kind
    return not _is_plain(plain) or isinstance(value, plain)


def named(kind: Any) -> str:
    """An annotated type in words, as `a Schedule or None`."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return named(parts[0])
    if origin is Literal:
        return "one of " + ", ".join(map(str, parts))
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(named, parts)))
    if origin in (tuple, list, Sequence):
        of = {int: "whole numbers", float: "numbers", str: "words"}.get(parts[0], "values")
        return f"{len(parts)} {of}" if origin is tuple and parts[1:] != (...,) else f"a sequence of {of}"
    if origin is Callable:
        return "a callable"
    plain = type(None) if kind is None else origin or kind
    return _WORDS.get(plain) or (with_article(plain.__name__) if isinstance(plain, type) else str(plain))


def with_article(word: str) -> str:
    """A word with its article by its sound: a Schedule, a UNet, an IdentityTransform, an MLP."""
    is_spelt = word[1:2].isupper() and word[0] in "FHLMNRSX"  # eff, aitch, ...
    return f"{'an' if is_spelt or word[:1] in 'aeioAEIO' else 'a'} {word}"


def a(value: Any) -> str:
    """What a value is, by the name of its class with the article: an int."""
    return with_article(type(value).__name__)


def check_kind(name: str, value: Any, kind: Any) -> None:
    """Raise `InputError` unless the argument called `name` is of the annotated type `kind`."""
    if fits(value, kind):
        return
    if isinstance(value, type):
        raise InputError(
            f"{name} = {value.__name__}, a class", f"one that is made: {named(kind)}", f"say {value.__name__}(...)"
        )
    is_plain = value is None or isinstance(value, str | bool | int | float)
    got = f"{name} = {str(value)[:60]!r}" if isinstance(value, str) else f"{name} = {value}"
    raise InputError(got if is_plain else f"{name} = {type(value).__name__}", named(kind), _advice(value, kind))


def _advice(value: Any, kind: Any) -> str:
    """How to make what is wanted, where the name of a choice was given in its place."""
    for each in get_args(kind) or (kind,):
        axis = axis_of(each)
        if axis is not None and isinstance(value, str) and value in axis.names():
            return f"make it: {axis.find(value).__name__}(...)"
    return ""


def checks_arguments(function: Function) -> Function:
    """Check what a function is given against its signature and its annotations.

    Tensors and generators are left to the function, which says more of them. Raises `InputError` that names the
    argument as the caller knows it.
    """
    kinds: dict[str, Any] = {}
    order: list[str] = []
    fine: set[tuple[str, type]] = set()  # of arguments that were checked: methods are called many times in a step

    @functools.wraps(function)
    def door(*given: Any, **by_name: Any) -> Any:
        if not order:
            kinds.update({name: kind for name, kind in _kinds(function).items() if not _is_tensor(kind)})
            order.extend(inspect.signature(function).parameters)
        for name, value in (*zip(order, given, strict=False), *by_name.items()):
            if name in kinds and (name, type(value)) not in fine:
                check_kind(name, value, kinds[name])
                if not isinstance(value, _OF_VALUES):
                    fine.add((name, type(value)))
        try:
            return function(*given, **by_name)
        except TypeError:
            _bound(function.__name__, inspect.signature(function), given, by_name)  # nothing, where they were right
            raise

    return door  # type: ignore[return-value]


def _bound(
    name: str, signature: inspect.Signature, given: Sequence[Any], by_name: Mapping[str, Any]
) -> inspect.BoundArguments:
    """Bind arguments to a signature; raises `InputError` for those that are missing, unknown or too many."""
    try:
        return signature.bind(*given, **by_name)
    except TypeError as error:
        known = [
            each.name for each in signature.parameters.values() if each.kind in _BY_NAME and each.name not in _OWNERS
        ]
        raise InputError(f"wrong arguments for {name} ({error})", ", ".join(known) if known else "none") from error


class Checked(ABCMeta):
    """The type of classes whose constructors check what they are given: its names, its number and its types."""

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's, without self: that of `__call__` says nothing."""
        signature = constructor(cls)[0]
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(cls, *given: Any, **by_name: Any) -> Any:
        """Make an object; raises `InputError` for arguments that its constructor does not take."""
        signature, kinds = constructor(cls)
        bound = _bound(cls.__name__, signature, (None, *given), by_name)
        for name, value in list(bound.arguments.items())[1:]:  # without self, which some classes annotate
            if name in kinds:
                check_kind(name, value, kinds[name])
        return super().__call__(*given, **by_name)


@functools.cache
def constructor(kind: type) -> tuple[inspect.Signature, Mapping[str, Any]]:
    """The signature of a class's constructor, with self, and the types of the arguments that are checked."""
    init = kind.__init__  # type: ignore[misc]
    if init is object.__init__ or init.__module__ == "torch.nn.modules.module":  # whose names are for nothing
        return inspect.Signature([inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]), {}
    return inspect.signature(init), _kinds(init)


def _kinds(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotated types of the arguments that are checked, by name; none where they cannot be told."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names that are imported for type checkers alone
        return {}
    parameters = inspect.signature(function).parameters.values()
    return {each.name: hints[each.name] for each in parameters if each.kind in _BY_NAME and each.name in hints}


def _is_tensor(kind: Any) -> bool:
    """Whether a type is one of PyTorch's, such as a tensor or a generator, maybe among others."""
    return any(getattr(each, "__module__", "").partition(".")[0] == "torch" for each in get_args(kind) or (kind,))


def _is_plain(kind: Any) -> bool:
    """Whether `isinstance` tells values of a type: protocols and variables of types, it does not."""
    return isinstance(kind, type) and kind is not Any and not getattr(kind, "_is_protocol", False)
