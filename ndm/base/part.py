"""A model's parts: modules that remember how they were made, so that a model can be saved as data and made again."""

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from ndm.base.axes import PARTS
from ndm.base.errors import InputError, is_out_of_memory
from ndm.base.kinds import Checked, a, checks_arguments
from ndm.base.options import BY_NAME, SPEC, check, options_of
from ndm.base.registry import Axis, import_installed, imported, require_allowed
from ndm.base.spec import Spec


class Part(nn.Module, metaclass=Checked):
    """An `nn.Module` that records the arguments of its constructor.

    `config` is plain JSON data; `Part.from_config` makes an equal part (with fresh weights) again. A class is named
    there as in Python, those of other packages with their module ("module:Class"), so that two of one name are two.
    """

    known: ClassVar[dict[str, type["Part"]]] = {}
    passes_on_to: ClassVar[Axis | None] = None  # of the part whose options those are that it does not name itself

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = _name_of(cls)
        first = Part.known.get(name, cls).__module__
        if ":" not in name and first != cls.__module__ and first in sys.modules:  # one whose module is gone is replaced
            raise TypeError(f"a second {name} in {cls.__module__}: there is one in {first}")
        Part.known[name] = cls

    @classmethod
    @checks_arguments
    def from_spec(cls, spec: Spec, **options: Any) -> Self:
        """The part for data and steps like those of `spec`.

        `options` are those of `made_for`: by default, of the constructor without what the spec says.

        Raises:
            InputError: for options that it does not have, and for values that they cannot have.
        """
        check([cls], cls.__name__, options)
        try:
            return cls.made_for(spec, **options)
        except InputError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            values = {name: value for name, value in options.items() if not isinstance(value, nn.Module)}
            if not values or is_out_of_memory(error):
                raise
            raise InputError(
                f"options {values} for {cls.__name__}", "options and values that it takes", str(error).splitlines()[0]
            ) from error

    @classmethod
    def made_for(cls, spec: Spec, *args: Any, **options: Any) -> Self:
        """Make the part for `from_spec`: the constructor gets what it names. Override where that is not enough.

        `**options` in the place of named ones says that they are passed on to another part.
        """
        wanted = inspect.signature(cls.__init__).parameters
        arguments = {name: getattr(spec, name) for name in SPEC if name in wanted} | options
        missing = [
            each.name
            for each in list(wanted.values())[1:]
            if each.kind in BY_NAME and each.default is each.empty and each.name not in arguments
        ]
        if missing:
            raise InputError(f"{cls.__name__} by its name alone", f"its {', '.join(missing)}", "make it in Python")
        return cls(**arguments)

    @classmethod
    def takes(cls, name: str) -> bool:
        """Whether `from_spec` has an option of that name."""
        return name in options_of(cls)

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        """Raise `InputError` where a model of these parts cannot work; this is one of them, or a part of one.

        The model asks once, when it is made.
        """

    def __new__(cls, *args: Any, **kwargs: Any) -> "Part":
        part = super().__new__(cls)
        # `deepcopy` makes objects without arguments and then restores `__dict__`: hence the partial binding.
        bound = inspect.signature(cls.__init__).bind_partial(part, *args, **kwargs)
        bound.apply_defaults()
        named = [p.name for p in bound.signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        part.__dict__["_arguments"] = {name: bound.arguments[name] for name in named[1:] if name in bound.arguments}
        return part

    def register_constant(self, name: str, value: Tensor) -> None:
        """A buffer that is no weight, exact in every precision: each conversion starts from `value`, in float64.

        A model that is made in float32 and moved to float64 would keep eight digits of it otherwise.
        """
        self.register_buffer(name, value.to(torch.get_default_dtype()), persistent=False)
        self.__dict__.setdefault("_constants", {})[name] = value.double().cpu()

    def _apply(self, *arguments: Any) -> "Part":
        """Convert like `Module`, and make constants again from float64: every conversion calls this."""
        super()._apply(*arguments)
        for name, value in self.__dict__.get("_constants", {}).items():
            setattr(self, name, value.to(getattr(self, name)))
        return self

    @property
    def config(self) -> dict[str, Any]:
        """The name of the class and the constructor's arguments, as JSON data."""
        return {"class": _name_of(type(self))} | {k: _encode(v) for k, v in made_with(self).items()}

    @staticmethod
    def from_config(config: dict[str, Any], allow: Sequence[str] = ()) -> "Part":
        """Make a part from `config`.

        Classes are ours, imported already, or of packages that are installed with entry points for us. Nothing else is
        imported because a file asks for it, but for the modules, and those within them, that the caller has in `allow`.

        Raises:
            InputError: for other classes, and arguments that they do not take.
        """
        if not isinstance(config, dict):
            raise InputError(f"a configuration that is {a(config)}", "an object with the key class")
        arguments = dict(config)
        name = arguments.pop("class", None)
        kind = _class_called(name, allow)
        try:
            return kind(**{key: _decode(value, allow) for key, value in arguments.items()})
        except TypeError as error:
            raise InputError(
                f"arguments {', '.join(arguments) or 'missing'} of {name} in a configuration",
                "those of its constructor",
                str(error),
            ) from error


def made_with(part: Part) -> dict[str, Any]:
    """The arguments of the constructor with which a part was made, by name."""
    found: dict[str, Any] = part.__dict__["_arguments"]
    return found


def _name_of(kind: type[Part]) -> str:
    """The name of a class in a configuration; with its module, where it is of another package."""
    return kind.__name__ if kind.__module__.startswith("ndm.") else f"{kind.__module__}:{kind.__qualname__}"


def _class_called(name: Any, allow: Sequence[str]) -> type[Part]:
    """The class of that name in a configuration; raises `InputError` where there is none that may be imported."""
    module, _, attribute = name.partition(":") if isinstance(name, str) else ("", "", "")
    if name not in Part.known and attribute:
        import_installed(module.partition(".")[0])
        if name not in Part.known:
            require_allowed(f"a part {name} in a configuration", module, allow)
            imported(f"the part {name} in a configuration", module)
    elif name not in Part.known:
        for axis in PARTS:
            axis.import_files()
    if name not in Part.known:
        raise InputError(f"part {name!r} in a configuration", "the class of a part", "was it made by another version?")
    return Part.known[name]


def _encode(value: Any) -> Any:
    if isinstance(value, Part):
        return value.config
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InputError(
        f"{a(value)} as an argument of a part",
        "numbers, strings, lists and parts",
        "only models made of parts can be saved",
    )


def _decode(value: Any, allow: Sequence[str]) -> Any:
    if isinstance(value, dict):
        return Part.from_config(value, allow)
    if isinstance(value, list):
        return tuple(_decode(item, allow) for item in value)
    return value
