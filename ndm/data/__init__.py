"""Data sets by name, and the user's own files by path.

A module of this package that has `NAME` and `load() -> DataSet` is a data set; one that has `SUFFIXES` and
`load_file(path) -> DataSet` is a file format. Both are found by looking: a new one is one new file.
"""

from pathlib import Path
from types import ModuleType

from ndm.data.dataset import DataSet, Split
from ndm.errors import InputError
from ndm.registry import modules

__all__ = ["DataSet", "Split", "load", "names"]


def load(name_or_path: str) -> DataSet:
    """The data set called `name_or_path`, or the file at that path (anything that exists or has a suffix).

    Raises `InputError` for an unknown name or format, and for a file that holds no usable data.
    """
    known, path = data_sets(), Path(name_or_path)
    if not name_or_path.strip():
        raise InputError("no name of data", f"one of {', '.join(known)}, or a file")
    if name_or_path in known:
        data: DataSet = known[name_or_path].load()
        return data
    readable = formats()
    if path.suffix.lower() in readable and not path.is_dir():
        data = readable[path.suffix.lower()].load_file(path)
        return data
    if path.is_dir() or path.exists() or path.suffix:
        what = "the folder" if path.is_dir() else "the file"
        raise InputError(
            f"{what} {name_or_path}",
            "a file of a format that is read: " + ", ".join(readable),
            "save the examples with np.savez(file, x=..., y=...)",
        )
    raise InputError(f"data {name_or_path!r}", f"one of {', '.join(known)}, or a file {', '.join(readable)}")


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
