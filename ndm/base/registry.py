"""Find implementations by the file they live in: a new part is one new file and no other edit."""

import importlib
import inspect
import pkgutil
from types import ModuleType

from ndm.base.errors import InputError


def load(module: str) -> ModuleType:
    """A module that is imported when it is needed: at the top of another it would be loaded with that."""
    return importlib.import_module(module)


def modules(package: str) -> dict[str, ModuleType]:
    """Every public module of a package, by module name."""
    path = importlib.import_module(package).__path__
    names = sorted(info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_"))
    return {name: importlib.import_module(f"{package}.{name}") for name in names}


# Where parts live: a model's configuration may name any class in these, and any that is already imported.
PART_PACKAGES = (
    "ndm.parts.schedules",
    "ndm.parts.transforms",
    "ndm.parts.volatilities",
    "ndm.parts.predictors",
    "ndm.parts.decoders",
    "ndm.parts.reverse_steps",
    "ndm.nn",
)


def import_parts() -> None:
    """Import every file of the packages of parts, those that were added to them included."""
    for package in PART_PACKAGES:
        modules(package)


def discover(package: str, base: type) -> dict[str, type]:
    """The concrete subclass of `base` that each module of `package` defines, by module name.

    Modules that define no concrete subclass (shared helpers) are left out; the first one defined counts.
    """
    found = {}
    for name, module in modules(package).items():
        for candidate in vars(module).values():
            defined_here = inspect.isclass(candidate) and candidate.__module__ == module.__name__
            if defined_here and issubclass(candidate, base) and not inspect.isabstract(candidate):
                found[name] = candidate
                break
    return found


def choose(kind: str, name: str, known: dict):
    """`known[name]`, or an `InputError` that lists what is known."""
    if name not in known:
        raise InputError(f"{kind} {name!r}", "one of " + ", ".join(sorted(known)))
    return known[name]


def optional(package: str, extra: str) -> ModuleType:
    """A package that few need, imported by whoever does; raises `InputError` that names the extra where it is absent.

    Imported at the top of a module it would be loaded by every command: POT takes two seconds.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise InputError(
            f"no package {package!r}", f"an installation with the extra {extra!r}", f"pip install 'ndm[{extra}]'"
        ) from error
