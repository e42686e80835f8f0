"""Settings as text: YAML, and words of the command line."""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import tyro
import yaml

from ndm.base.errors import InputError, why
from ndm.base.files import read_text

# In the metadata of a field: its name on the command line, where Python keeps that for itself; None where it has none.
OPTION = "option"


class _Loader(yaml.SafeLoader):
    """A loader of safe YAML in which only decimal numbers, true, false and null are more than text, as in YAML 1.2.

    YAML 1.1 reads 3_21 as 321, 1:30 as 90, 017 as 15, yes as true and 2024-01-02 as a date.
    """


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$", re.ASCII), list(_first))


class _Dumper(yaml.SafeDumper):
    """The dumper for that loader: text that looks like a number or a truth value in YAML 1.1 or 1.2 is quoted."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _parse_options(words: list[str]) -> dict[str, Any]:
    if not words:
        raise ValueError("there is nothing after it: options are written KEY=VALUE, e.g. channels=32")
    pairs = [word.partition("=") for word in words]
    if not all(key and separator for key, separator, _ in pairs):
        raise ValueError("options are written KEY=VALUE, e.g. channels=32 multipliers=[1,2]")
    if twice := [key for key, count in Counter(key for key, _, _ in pairs).items() if count > 1]:
        raise ValueError(f"the option {twice[0]} is given twice")
    return {key: _parse_value(word, value) for word, (key, _, value) in zip(words, pairs, strict=True)}


def _parse_value(word: str, text: str) -> Any:
    try:
        node = _Loader(text).get_single_node()
        if node is None or node.value == "":
            raise ValueError(f"{word} has no value")
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{word} has a value that cannot be read") from error


def parsed(text: str) -> Any:
    """Parse a YAML text."""
    return _Loader(text).get_single_data()


def written(values: dict[str, Any]) -> str:
    """Write values as YAML text, in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False)


def read(path: Path) -> Any:
    """Read a YAML file that ndm train wrote; raises `InputError` where it is absent or not YAML."""
    if not path.exists():
        has_copy = (path.parent / "state" / "progress.json").exists()
        raise InputError(
            f"{path.parent}, without a {path.name}",
            "the folder of a run",
            f"restore it: its text is the configuration in {path.parent}/state/progress.json"
            if has_copy
            else "make one with: ndm train DATA --run FOLDER",
        )
    text = read_text(path, "the file that ndm train wrote", "restore it")
    try:
        return parsed(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}, which is no longer YAML ({why(error)})", "the file that ndm train wrote", "restore it"
        ) from error


Options = Annotated[
    dict[str, Any],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="[KEY=VALUE ...]",
        instance_from_str=_parse_options,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda options: [f"{key}={value}" for key, value in options.items()],
    ),
]

Names = Annotated[
    tuple[str, ...],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="[NAME,NAME ...]",
        instance_from_str=lambda words: tuple(name.strip() for word in words for name in word.split(",")),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda names: list(names),
    ),
]
