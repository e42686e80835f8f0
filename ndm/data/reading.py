"""Read data sets by name, and the user's own files by path.

A file of `ndm/data/sets` with `load() -> DataSet` is a data set, as is an entry point in the group ndm.data of another
package, which names such a module or function. One of `ndm/data/formats` or `ndm/data/hub` that has
`SUFFIXES` and `load_file(path) -> Whole` is a file format, as is an entry point in the group ndm.formats of another
package, which is called like the suffix, without the point, and names such a module or function. One that has
`holds(path) -> bool` and `load_folder(path)` is a kind of folder, which may come in splits. Their keyword arguments are
the options of the data, but for `condition`: a loader that takes it is given the names of what a model is told of each
example. All are found by looking: a new one is one new file.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ndm.base.axes import DATA_SETS, FORMATS
from ndm.base.errors import InputError
from ndm.base.kinds import checks_arguments
from ndm.base.registry import modules
from ndm.data.dataset import CONDITION, DataSet, Whole
from ndm.data.hub import datasets as hub


@checks_arguments
def load(name_or_path: str, options: Mapping[str, Any] | None = None, condition: Sequence[str] = ()) -> DataSet:
    """Load the data set called `name_or_path`, or the file or folder at that path, with `options`, in splits.

    `condition` is what a model is told of each example: `("label",)`, its class, or names of columns of a table. Raises
    `InputError` for an unknown name, format, option or condition, and for files that hold no usable data.
    """
    return read(name_or_path, options, condition).divided()


@checks_arguments
def read(name_or_path: str, options: Mapping[str, Any] | None = None, condition: Sequence[str] = ()) -> Whole | DataSet:
    """Load data like `load`, but leave them whole unless they come in splits: for evaluating all of them."""
    loader, arguments = _loader(name_or_path)
    if unknown := sorted(set(options or {}) - set(known := _options(loader))):
        raise InputError(
            f"the option {unknown[0]} for {name_or_path}", "one of " + ", ".join(known) if known else "no options"
        )
    given: dict[str, Any] = {CONDITION: tuple(condition)} if condition and CONDITION in _keywords(loader) else {}
    return loader(*arguments, **(options or {}), **given).conditioned(tuple(condition))


def source_of(name_or_path: str) -> str:
    """The name, or the absolute path, which finds the same data from any folder."""
    is_path = name_or_path not in DATA_SETS.names() and Path(name_or_path).exists()
    return str(Path(name_or_path).resolve()) if is_path else name_or_path


def options_of(name_or_path: str) -> list[str]:
    """List the options with which data can be read; raises `InputError` for an unknown name or format."""
    return _options(_loader(name_or_path)[0])


def _options(loader: Callable[..., Whole | DataSet]) -> list[str]:
    return [name for name in _keywords(loader) if name != CONDITION]


def _keywords(loader: Callable[..., Whole | DataSet]) -> list[str]:
    parameters = inspect.signature(loader).parameters.values()
    return [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]


def _loader(name_or_path: str) -> tuple[Callable[..., Whole | DataSet], list[Any]]:
    """The function that reads these data, and its arguments that say where they are."""
    known, path = DATA_SETS.names(), Path(name_or_path)
    if not name_or_path.strip():
        raise InputError("no name of data", f"one of {', '.join(known)}, or a file")
    if name_or_path in known:
        return DATA_SETS.find_function(name_or_path), []
    for prefix, module in prefixes().items():
        if name_or_path.startswith(prefix):
            return module.load_name, [name_or_path.removeprefix(prefix)]
    readable = formats()
    if path.suffix.lower() in readable and not path.is_dir():
        return readable[path.suffix.lower()](), [path]
    if path.is_dir():
        for module in _readers():
            if hasattr(module, "load_folder") and module.holds(path):
                return module.load_folder, [path]
    if path.is_dir() or path.exists() or path.suffix:
        tables = sorted(each for each in path.iterdir() if each.suffix in readable) if path.is_dir() else []
        raise InputError(
            f"the folder {name_or_path}, {_absent(path)}" if path.is_dir() else f"the file {name_or_path}",
            "a folder of images, or a file of a format that is read: " + ", ".join(readable),
            f"name one of its files, as {tables[0]}, or {hub.PREFIX}{path} for all tables of one kind (extra hub)"
            if tables
            else "save the examples with np.savez(file, x=..., y=...)",
        )
    raise InputError(
        f"data {name_or_path!r}, and no file or folder of that name is here",
        f"one of {', '.join(known)}, a folder of images, or a file {', '.join(readable)}",
    )


def _absent(path: Path) -> str:
    """Say what a folder holds in which no kind of data is found."""
    return ", ".join(module.absent(path) for module in _readers() if hasattr(module, "absent"))


def formats() -> dict[str, Callable[[], Callable[..., Whole | DataSet]]]:
    """The file formats that are read, by suffix; a call finds the function that does it."""
    theirs = {f".{name}": partial(FORMATS.find_function, name) for name in FORMATS.names()}
    return theirs | {
        suffix: partial(getattr, module, "load_file")
        for module in _readers()
        for suffix in getattr(module, "SUFFIXES", ())
    }


def _readers() -> list[ModuleType]:
    return [module for package in ("ndm.data.formats", "ndm.data.hub") for module in modules(package).values()]


def prefixes() -> dict[str, ModuleType]:
    """The modules that find data elsewhere, by what a name of theirs begins with."""
    return {module.PREFIX: module for module in _readers() if hasattr(module, "PREFIX")}
