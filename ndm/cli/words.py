"""Words of the command line: the commands that there are, and what is told to one of them."""

import ast
import contextlib
import dataclasses
import difflib
import inspect
import io
import itertools
import pkgutil
import re
import shutil
import textwrap
import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Required, TypedDict, Union, get_args, get_origin, get_type_hints

import tyro

from ndm.base.errors import InputError
from ndm.base.registry import Axis
from ndm.base.settings import OPTION

RunFolder = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]

_ARGUMENTS = Path(__file__).with_name("arguments")
_HELP = {"-h", "--help"}
_FRAME = "╭╮╰╯│─ "
_SUGGESTIONS = "Perhaps you meant:"


class UsageError(Exception):
    """Raised for words that are not a command; its message is one line."""


def commands() -> dict[str, str]:
    """Describe every command in one line, by name: the first lines of the files of `ndm/cli/arguments`."""
    names = sorted(info.name for info in pkgutil.iter_modules([str(_ARGUMENTS)]))
    trees = {name: ast.parse((_ARGUMENTS / f"{name}.py").read_text(encoding="utf-8")) for name in names}
    return {name: (ast.get_docstring(tree) or "").partition("\n")[0] for name, tree in trees.items()}


def asks_for_help(words: Sequence[str]) -> bool:
    """Whether one of the words does."""
    return not _HELP.isdisjoint(words)


def overview() -> str:
    """List the commands, for a terminal of this width."""
    known = commands()
    width = max(map(len, known)) + 4
    lines = [f"  {name}".ljust(width) + filled(about, " " * width)[width:] for name, about in known.items()]
    about = "Neural Diffusion Models: diffusion models that learn the path as well."
    return "\n".join(
        [
            "usage: ndm COMMAND ...",
            "",
            about,
            "",
            *lines,
            "",
            "ndm COMMAND --help says more; ndm --version: which it is",
        ]
    )


def filled(text: str, indent: str = "") -> str:
    """A paragraph, in lines for a terminal of this width, each after `indent`."""
    columns = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, columns, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def choose_command(words: Sequence[str]) -> str:
    """The command that the words begin with; raises `InputError` where there is none."""
    known = commands()
    expected = "one of " + ", ".join(known)
    if not words:
        raise InputError("no command", expected, "see ndm --help")
    if words[0] not in known:
        near = difflib.get_close_matches(words[0], known, 1)
        raise InputError(
            f"command {words[0]!r}", expected, f"perhaps you meant {near[0]}" if near else "see ndm --help"
        )
    return words[0]


def one_of(axis: Axis) -> Any:
    """The mark of an argument that is a choice: its help lists the names that there are."""
    return tyro.conf.arg(metavar=f"{{{','.join(axis.names())}}}")


def settings(kind: type, choices: Mapping[str, Axis] = MappingProxyType({})) -> Any:
    """The type of what is given of the fields of a dataclass: a dictionary without those that are not.

    Their help is the text below each field, with its default, and the names of what there is to choose from.
    """
    kinds, about = get_type_hints(kind, include_extras=True), documentation(kind)
    given = {}
    for field in dataclasses.fields(kind):
        if field.metadata.get(OPTION, field.name) is None:
            continue
        marks = [tyro.conf.arg(help=about[field.name], help_behavior_hint=_default(field))]
        marks += [one_of(choices[field.name])] if field.name in choices else []
        marks += [tyro.conf.arg(name=field.metadata[OPTION])] if OPTION in field.metadata else []
        told: Any = Annotated[_simple(kinds[field.name]), *marks]
        given[field.name] = told if _has_default(field) else Required[told]
    return TypedDict(f"{kind.__name__}Given", given, total=False)  # type: ignore[operator]


def documentation(kind: type) -> dict[str, str]:
    """The text below each field of a class and of those that it extends, by the field's name."""
    bodies = [ast.parse(textwrap.dedent(inspect.getsource(each))).body[0] for each in reversed(kind.__mro__[:-1])]
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for tree in bodies
        if isinstance(tree, ast.ClassDef)
        for field, text in itertools.pairwise(tree.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def _simple(kind: Any) -> Any:
    """X | Y as Union[X, Y], and dict[K, V] as dict, for which tyro does not load typeguard, as slow as itself."""
    if get_origin(kind) is Annotated:
        return Annotated[_simple(kind.__origin__), *kind.__metadata__]
    if get_origin(kind) is dict:
        return dict
    return Union[get_args(kind)] if isinstance(kind, types.UnionType) else kind  # noqa: UP007


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return not (field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)


def _default(field: dataclasses.Field[Any]) -> str:
    """The text of a field's default; empty where there is none."""
    if field.default in (dataclasses.MISSING, None, ()):
        return ""
    shown = " ".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
    return f"(default: {shown})"


def parse(kind: type, program: str, words: Sequence[str], description: str | None) -> Any:
    """Parse words into a command's arguments, a `kind`; None where they ask for help, which is then printed.

    tyro explains wrong words in a box: of that the `UsageError` has the objection, the best suggestion, and where to
    find help, in one line. Raises `InputError` for an option that is given twice, of which tyro takes the last.
    """
    _check_once(words)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return kind(**tyro.cli(settings(kind), prog=program, args=words, description=description))
    except SystemExit as stopped:
        if stopped.code == 0:
            return None
    raise UsageError(summary(printed.getvalue()))


def _check_once(words: Sequence[str]) -> None:
    """Raise `InputError` for an option that is given twice: in any spelling, or as --X and --no-X."""
    options = [word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")]
    counts = Counter("--" + option.removeprefix("--").removeprefix("no-") for option in options)
    for option, count in counts.items():
        if count > 1:
            raise InputError(f"{option} {'twice' if count == 2 else f'{count} times'}", "each option once")


def summary(box: str) -> str:
    """Make one line of a box of tyro's: the objection, the best suggestion, and where to find help."""
    _, *lines = (line.strip(_FRAME) for line in box.splitlines())  # a frame alone and a blank line are ""
    lines = [line if line.strip("-") else "" for line in lines]  # where the encoding has no frame, rules are dashes
    return "; ".join(filter(None, _parts(list(dropwhile(lambda line: not line, lines)))))


def _parts(lines: list[str]) -> Iterator[str]:
    yield " ".join(takewhile(bool, lines)).removeprefix("Error parsing ").replace(" (required)", "").rstrip(".")
    if _SUGGESTIONS in lines:
        yield f"perhaps you meant {lines[lines.index(_SUGGESTIONS) + 1]}"
    for line in lines[:-3:-1]:  # below the last of them is the frame
        if line.endswith("--help"):
            yield f"see {re.split(r' (?:run:?|see) ', line)[-1]}"
