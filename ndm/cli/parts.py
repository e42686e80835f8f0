"""The parts that there are to choose from, with their options: the end of `ndm train --help`."""

import inspect
import re
from collections.abc import Iterator

from ndm.base.axes import ACTIVATIONS, BASES, GATES, LAYERS, NETWORKS, PARAMETERISATIONS, RECIPES, TIME_FUNCTIONS
from ndm.base.options import own_options, shown
from ndm.base.registry import Axis
from ndm.cli.words import filled
from ndm.config import CHOICES, Config

_INNER = (PARAMETERISATIONS, NETWORKS, LAYERS, ACTIVATIONS, GATES, TIME_FUNCTIONS, BASES)  # parts of parts
_WIDTH = 20  # of the names


def more_help() -> str:
    """For each kind of choice its names, what they are, and their options with types and defaults."""
    lines: list[str] = []
    for setting, axis in CHOICES.items():
        option, has_options = f"--{setting.replace('_', '-')}", hasattr(Config(), f"{setting}_options")
        lines += _table(axis, f"{option} NAME" + f", {option}-options KEY=VALUE ..." * has_options, has_options)
    for axis in _INNER:
        lines += _table(axis, f"options of parts: {axis.kind}", has_options=True)
    return "\n".join([*lines, *_table(RECIPES, "--recipe NAME", has_options=False)])


def _table(axis: Axis, title: str, has_options: bool) -> Iterator[str]:
    yield f"\n{title}"
    for name, summary in axis.summaries().items():
        yield _entry(f"  {name}", summary)
        if has_options:
            about = _arguments(axis.find(name))
            for option, parameter in own_options(axis, name).items():
                yield _entry(f"    {shown(parameter)}", about.get(option, ""))


def _entry(name: str, about: str) -> str:
    """A name, and what it is beside it, or below it where the name is long."""
    indent = " " * (_WIDTH + 4)
    text = filled(about, indent)
    if len(name) < len(indent):
        return (name.ljust(len(indent)) + text[len(indent) :]).rstrip()
    return f"{name}\n{text}".rstrip()


def _arguments(kind: type) -> dict[str, str]:
    """Read the descriptions of arguments, by name, in a class's docstring: `names: text` in its section Args."""
    section = re.search(r"^Args:\n((?:    .*\n?)*)", inspect.getdoc(kind) or "", re.M)
    entries = re.findall(r"^    (\w[\w, ]*): ((?:.*\n?)(?:     .*\n?)*)", section[1], re.M) if section else []
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}
