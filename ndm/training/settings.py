"""Settings as text: YAML, words of the command line, and whether a value is of an annotated type."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import tyro
import yaml

from ndm.errors import InputError


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, as in YAML 1.2; YAML 1.1 reads it as text where there is no point."""


class _Dumper(yaml.SafeDumper):
    """Its inverse: text that looks like such a number is quoted."""


for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
                                list("-+.0123456789"))


def _parse_options(words: list[str]) -> dict[str, Any]:
    pairs = [word.partition("=") for word in words]
    if not all(separator for _, separator, _ in pairs):
        raise ValueError("options are written KEY=VALUE, e.g. channels=32 multipliers=[1,2]")
    try:
        return {key: parsed(value) for key, _, value in pairs}
    except yaml.YAMLError as error:
        raise ValueError(f"a value that cannot be read in {' '.join(words)}") from error


def parsed(text: str) -> Any:
    """The value of a YAML text."""
    return _Loader(text).get_single_data()


def written(values: dict[str, Any]) -> str:
    """The YAML text of values, in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False)


def read(path: Path) -> Any:
    """The value of a file that ndm train wrote; raises `InputError` where there is none or it is not YAML."""
    try:
        return parsed(path.read_text())
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}, which is no longer YAML ({' '.join(str(error).split())[:200]})",
                         "the file that ndm train wrote", "restore it") from error
    except OSError as error:
        raise InputError(f"{path.parent}, without a readable {path.name}", "the folder of a run",
                         "make one with: ndm train DATA --run FOLDER") from error


def fits(value: Any, kind: Any) -> bool:
    """Whether a value that YAML has is one of the annotated type `kind`."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fits(value, parts[0])
    if origin is Literal:
        return value in parts
    if origin is tuple:
        each = parts[:1] * len(value) if parts[1:] == (...,) and isinstance(value, list) else parts
        return isinstance(value, list) and len(each) == len(value) and all(map(fits, value, each))
    if origin is not None and origin is not dict:  # a union
        return any(fits(value, part) for part in parts)
    return type(value) in (int, float) if kind is float else type(value) is (origin or kind)


Options = Annotated[dict[str, Any], tyro.constructors.PrimitiveConstructorSpec(
    nargs="*", metavar="[KEY=VALUE ...]", instance_from_str=_parse_options,
    is_instance=lambda value: isinstance(value, dict),
    str_from_instance=lambda options: [f"{key}={value}" for key, value in options.items()])]
