"""A model's parts: modules that remember how they were made, so that a model can be saved as data and made again."""

import inspect
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ndm.base.errors import InputError
from ndm.base.registry import import_parts


class Part(nn.Module):
    """An `nn.Module` that records the arguments of its constructor.

    `config` is plain JSON data; `Part.from_config` makes an equal part (with fresh weights) again. Only classes of the
    packages of parts, and those already imported, can be made: a configuration file never says what to import.
    """

    known: ClassVar[dict[str, type["Part"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Part.known[cls.__name__] = cls

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
        """As `Module`'s, which every conversion passes through."""
        super()._apply(*arguments)
        for name, value in self.__dict__.get("_constants", {}).items():
            setattr(self, name, value.to(getattr(self, name)))
        return self

    @property
    def config(self) -> dict[str, Any]:
        """The class name and constructor arguments, as JSON data."""
        return {"class": type(self).__name__} | {k: _encode(v) for k, v in self.__dict__["_arguments"].items()}

    @staticmethod
    def from_config(config: dict[str, Any]) -> "Part":
        """Make a part from `config`; raises `InputError` for classes that are not known."""
        if not isinstance(config, dict):
            raise InputError(f"a configuration that is a {type(config).__name__}", "an object with the key class")
        arguments = dict(config)
        name = arguments.pop("class", None)
        if name not in Part.known:
            import_parts()
        if name not in Part.known:
            raise InputError(
                f"part {name!r} in a configuration",
                "the class of an imported part",
                "import the module that defines it first",
            )
        try:
            return Part.known[name](**{k: _decode(v) for k, v in arguments.items()})
        except TypeError as error:
            raise InputError(
                f"arguments {', '.join(arguments) or 'missing'} of {name} in a configuration",
                "those of its constructor",
                str(error),
            ) from error


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
        f"a {type(value).__name__} as an argument of a part",
        "numbers, strings, lists and parts",
        "only models made of parts can be saved",
    )


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return Part.from_config(value)
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    return value
