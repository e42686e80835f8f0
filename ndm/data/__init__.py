"""Data sets by name, and the user's own files by path.

A module of this package that has `NAME` and `load() -> DataSet` is a data set; one that has `SUFFIXES` and
`load_file(path) -> DataSet` is a file format, and one that has `holds(path) -> bool` and `load_folder(path)` a kind of
folder. Their keyword arguments are the options of the data. All are found by looking: a new one is one new file.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ndm.data import hub
from ndm.data.dataset import DataSet, Split
from ndm.errors import InputError
from ndm.registry import modules

__all__ = ["DataSet", "Split", "load", "names"]


def load(name_or_path: str, options: Mapping[str, Any] | None = None) -> DataSet:
    """The data set called `name_or_path`, or the file or folder at that path, read with `options`.

    Raises `InputError` for an unknown name, format or option, and for files that hold no usable data.
    """
    known, path, options = data_sets(), Path(name_or_path), options or {}
    if not name_or_path.strip():
        raise InputError("no name of data", f"one of {', '.join(known)}, or a file")
    if name_or_path in known:
        return _made(known[name_or_path].load, options, name_or_path)
    for prefix, module in prefixes().items():
        if name_or_path.startswith(prefix):
            return _made(module.load_name, options, name_or_path, name_or_path.removeprefix(prefix))
    readable = formats()
    if path.suffix.lower() in readable and not path.is_dir():
        return _made(readable[path.suffix.lower()].load_file, options, name_or_path, path)
    if path.is_dir():
        for module in modules(__name__).values():
            if hasattr(module, "load_folder") and module.holds(path):
                return _made(module.load_folder, options, name_or_path, path)
    if path.is_dir() or path.exists() or path.suffix:
        tables = sorted(each for each in path.iterdir() if each.suffix in readable) if path.is_dir() else []
        raise InputError(
            f"the folder {name_or_path}, which holds no images" if path.is_dir() else f"the file {name_or_path}",
            "a folder of images, or a file of a format that is read: " + ", ".join(readable),
            f"name one of its files, as {tables[0]}, or {hub.PREFIX}{path} for all tables of one kind (extra hub)"
            if tables else "save the examples with np.savez(file, x=..., y=...)",
        )
    raise InputError(f"data {name_or_path!r}", f"one of {', '.join(known)}, or a file {', '.join(readable)}")


def _made(loader: Callable[..., DataSet], options: Mapping[str, Any], name: str, *arguments: Any) -> DataSet:
    parameters = inspect.signature(loader).parameters.values()
    known = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    if unknown := sorted(set(options) - set(known)):
        raise InputError(f"the option {unknown[0]} for {name}", "one of " + ", ".join(known) if known else "no options")
    return loader(*arguments, **options)


def names() -> dict[str, str]:
    """The one-line description of every data set, by name."""
    return {name: (module.__doc__ or "").partition("\n")[0] for name, module in data_sets().items()}


def data_sets() -> dict[str, ModuleType]:
    """The modules that define a data set, by its name."""
    found = {module.NAME: module for module in modules(__name__).values() if hasattr(module, "NAME")}
    return dict(sorted(found.items()))


def formats() -> dict[str, ModuleType]:
    """The modules that read a file format, by suffix."""
    found = modules(__name__).values()
    return {suffix: module for module in found for suffix in getattr(module, "SUFFIXES", ())}


def prefixes() -> dict[str, ModuleType]:
    """The modules that find data elsewhere, by what a name of theirs begins with."""
    return {module.PREFIX: module for module in modules(__name__).values() if hasattr(module, "PREFIX")}
