"""Registry of choices by name: our files, entry points of other people's packages, and `module:Class`.

One `Axis` for every kind of choice (`ndm.base.axes` lists them). Its names are read from the folder and from the
metadata of installed packages: nothing is imported before something is chosen.
"""

import ast
import contextlib
import importlib
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ndm.base.errors import Advice, InputError, Setting, reason

Choice = TypeVar("Choice")

_GROUPS = "ndm."  # what the groups of entry points begin with


@dataclass(frozen=True)
class Axis:
    """One kind of choice: a new one is one new file, and no other edit.

    Args:
        kind: what a choice is called in messages, e.g. schedule.
        group: of the entry points by which other people's packages add theirs, e.g. ndm.schedules.
        package: where ours are: each public file but that of `base` is a choice of that name. None where the names are
            those of another library's table.
        base: "module:Class", of which a file defines one concrete subclass: the choice. Without it, the module is.
        given: the arguments that its maker passes, which are therefore not options.
        function: of a choice that is a module; an entry point may name one itself.
    """

    kind: str
    group: str
    package: str | None = None
    base: str | None = None
    given: tuple[str, ...] = ()
    function: str | None = None

    def names(self) -> list[str]:
        """Everything that can be chosen by one word."""
        return sorted({*self._files(), *self._foreign()})

    def summaries(self) -> dict[str, str]:
        """The first line of each file's docstring, and the package of what comes from elsewhere, by name."""
        ours = {name: _first_line(path) for name, path in self._files().items()}
        theirs = {name: "of the package " + ", ".join(map(_package, each)) for name, each in self._foreign().items()}
        return dict(sorted((theirs | ours).items()))

    def constants(self, name: str) -> dict[str, Any]:
        """The literal constants in the file of a choice, which is not imported; none of another package's."""
        path = self._files().get(name)
        return {} if path is None else _constants(path)

    def find(self, name: str, more: Mapping[str, Any] | None = None, allow: Sequence[str] | None = None) -> Any:
        """The choice called `name`; only its file is imported.

        Args:
            name: of a file, of an entry point, or `module:Class`.
            more: choices of another library, by their names.
            allow: where the name comes from a file that was loaded: modules outside of ndm that may be imported for it.
                None where the caller has named it.

        Raises:
            InputError: for an unknown name, which lists the known, and for what is no choice of this kind.
        """
        more = more or {}
        if name in more:
            return more[name]
        theirs = sorted(self._foreign().get(name, []), key=_package)
        if name in self._files():
            if theirs:
                warnings.warn(
                    f"the {self.kind} {name} is ours; for that of {_package(theirs[0])} say {theirs[0].value}",
                    stacklevel=2,
                )
            return self._ours(name)
        if len(theirs) > 1:
            raise InputError(
                f"the {self.kind} {name!r}, which {' and '.join(map(_package, theirs))} have",
                "the name of one",
                f"say {' or '.join(each.value for each in theirs)}",
            )
        if theirs:
            return self._checked(name, _loaded(f"the {self.kind} {name!r} of {_package(theirs[0])}", theirs[0]))
        if ":" in name:
            module, _, attribute = name.partition(":")
            if allow is not None:
                require_allowed(f"the {self.kind} {name!r}", module, allow)
            return self._checked(name, _imported(f"the {self.kind} {name!r}", lambda: _attribute(module, attribute)))
        raise InputError(f"{self.kind} {name!r}", "one of " + ", ".join(sorted({*self.names(), *more})))

    def find_function(self, name: str) -> Any:
        """The function of the choice called `name`, which is a module, or the one that an entry point names itself."""
        return self._function(self.find(name))

    def resolved(self, given: str | Choice, make: Callable[[str], Choice] | None = None) -> Choice:
        """What was given where a choice is asked for: an object as it is; a name as the choice of that name.

        That is made by `make`, by default without arguments.
        """
        if not isinstance(given, str):
            return given
        made: Choice = self.find(given)() if make is None else make(given)
        return made

    def every(self) -> dict[str, Any]:
        """All choices by name, imported."""
        return {name: self.find(name) for name in self.names()}

    def importable(self) -> dict[str, Any]:
        """All choices by name but those of other packages that cannot be imported, which are nobody's fault here."""
        found = {}
        for name in self.names():
            with contextlib.suppress(InputError):
                found[name] = self.find(name)
        return found

    def make(self, name: str, spec: Any, options: Mapping[str, Any] | None = None, **parts: Any) -> Any:
        """The part called `name` for a `Spec`, with `options` of the user's.

        Of `parts`, what it is made for beside the spec, it gets those that it asks for by name.
        """
        if given := sorted(parts.keys() & (options or {})):
            raise InputError(
                f"the option {given[0]} for the {self.kind} {name}", "options of the part alone", "leave it out"
            )
        kind = self.find(name)
        asked = {part: value for part, value in parts.items() if kind.takes(part)}
        return kind.from_spec(spec, **asked, **(options or {}))

    def setting(self, name: str, **options: Any) -> Setting:
        """The choice of `name`, with options, as users write it: for advice."""
        argument, kind = self.kind.replace(" ", "_"), self.find(name).__name__
        flag, words = f"--{self.kind.replace(' ', '-')}", " ".join(f"{key}={value}" for key, value in options.items())
        if not options:
            return Setting(f"{argument}={kind}(...)", f"{flag} {name}")
        named = ", ".join(f"{key}={value!r}" for key, value in options.items())
        return Setting(f"{argument}={kind}.from_spec(spec, {named})", f"{flag} {name} {flag}-options {words}")

    def import_files(self) -> None:
        """Import all of ours, files that were added to the folder included."""
        for name in self._files():
            importlib.import_module(f"{self.package}.{name}")

    def _files(self) -> dict[str, Path]:
        """Our files by the name of the choice."""
        if self.package is None:
            return {}
        base = (self.base or "").partition(":")[0]
        found = {
            info.name: Path(info.module_finder.path, f"{info.name}.py")  # type: ignore[union-attr]
            for info in pkgutil.iter_modules(_folders(self.package))
            if not info.ispkg and not info.name.startswith("_")
        }
        return {name: path for name, path in found.items() if f"{self.package}.{name}" != base}

    def _foreign(self) -> dict[str, list[EntryPoint]]:
        return _installed().get(self.group, {})

    def _ours(self, name: str) -> Any:
        module = importlib.import_module(f"{self.package}.{name}")
        if self.base is None:
            return module
        base = _attribute(*self.base.split(":"))
        for candidate in vars(module).values():
            if _is_choice(candidate, base) and candidate.__module__ == module.__name__:
                return candidate
        raise TypeError(f"{module.__name__} defines no {base.__name__} that is complete")

    def _function(self, found: Any) -> Any:
        return found if self.function is None else getattr(found, self.function, found)

    def _checked(self, name: str, found: Any) -> Any:
        """Check a choice that is not ours; raises `InputError` where it is not one of this kind."""
        if self.base is not None and not _is_choice(found, base := _attribute(*self.base.split(":"))):
            raise InputError(
                f"{name!r} for the {self.kind}", f"a class derived from {base.__name__}, with all its methods"
            )
        if self.function is not None and not callable(self._function(found)):
            raise InputError(
                f"{name!r} for the {self.kind}", f"a module with a function {self.function}, or a function"
            )
        return found


def choose(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    """`known[name]`, a table of another library; raises `InputError` that lists what is known."""
    if name not in known:
        raise InputError(f"{kind} {name!r}", "one of " + ", ".join(sorted(known)))
    return known[name]


def load(module: str) -> ModuleType:
    """A module that is imported when it is needed: at the top of another it would be loaded with that."""
    return importlib.import_module(module)


def modules(package: str) -> dict[str, ModuleType]:
    """Every public module of a package, by module name."""
    path = importlib.import_module(package).__path__
    names = sorted(info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_"))
    return {name: importlib.import_module(f"{package}.{name}") for name in names}


def offered(package: str, path: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that imports each public name when it is first asked for.

    The names, and where they are from, are what its `__init__.py` at `path` imports for type checkers.
    """
    blocks = [
        node for node in ast.parse(Path(path).read_text(encoding="utf-8")).body if isinstance(node, ast.If)
    ]  # if TYPE_CHECKING:
    imports = [each for block in blocks for each in block.body if isinstance(each, ast.ImportFrom)]
    places = {alias.name: str(each.module) for each in imports for alias in each.names}

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        place = places[name]
        is_module = name in {info.name for info in pkgutil.iter_modules(_folders(place))}
        found = importlib.import_module(f"{place}.{name}") if is_module else _attribute(place, name)
        setattr(sys.modules[package], name, found)
        return found

    return get, lambda: sorted({*vars(sys.modules[package]), *places})


def require_allowed(what: str, module: str, allow: Sequence[str]) -> None:
    """Raise `InputError` where a file asks for a module that is not imported yet, and that the caller does not allow.

    A name in `allow` stands for that module and all within it.
    """
    if module not in sys.modules and not any(module == each or module.startswith(f"{each}.") for each in allow):
        raise InputError(
            f"{what}, which names the module {module}",
            "parts of ndm, of packages that are installed with entry points, and of modules that the caller allows",
            Advice.of(
                "if you trust it, say {}",
                Setting(f"allow=({module.partition('.')[0]!r},)", f"--allow {module.partition('.')[0]}"),
            ),
        )


def import_installed(package: str) -> None:
    """Import what the installed package of that name adds to us by entry points."""
    for group in _installed().values():
        for each in (each for found in group.values() for each in found):
            if each.value.partition(":")[0].partition(".")[0].strip() == package:
                _loaded(f"{each.value} of {_package(each)}", each)


def imported(what: str, module: str) -> ModuleType:
    """The module of that name; raises `InputError` that says for what it was asked, where it cannot be imported."""
    found: ModuleType = _imported(what, lambda: importlib.import_module(module))
    return found


def optional(package: str, extra: str) -> ModuleType:
    """Import an optional package where it is needed; the `InputError` names the extra where it is absent.

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


@cache
def _installed() -> dict[str, dict[str, list[EntryPoint]]]:
    """The entry points of installed packages that are meant for us: by group, then by name."""
    found: dict[str, dict[str, list[EntryPoint]]] = {}
    seen = set()  # a package may be on the path twice: the first counts
    for package in distributions():
        text = package.read_text("entry_points.txt") or ""
        if f"[{_GROUPS}" in text and package.name not in seen:
            seen.add(package.name)
            for each in (each for each in package.entry_points if each.group.startswith(_GROUPS)):
                found.setdefault(each.group, {}).setdefault(each.name, []).append(each)
    return found


def _package(each: EntryPoint) -> str:
    return each.dist.name if each.dist else each.value


def _folders(package: str) -> list[str]:
    """Find the folders of a package without importing it, which would import others."""
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", []))
    parent, _, name = package.rpartition(".")
    return [str(Path(folder, name)) for folder in _folders(parent)]


def _loaded(what: str, each: EntryPoint) -> Any:
    """What an entry point names; raises `InputError` where it names nothing, or that cannot be imported."""
    if each.pattern.match(each.value) is None:
        raise InputError(f"{what}, whose entry point is {each.value!r}", "MODULE or MODULE:NAME", "mend that package")
    return _imported(what, each.load)


def _attribute(module: str, attribute: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _imported(what: str, load: Callable[[], Any]) -> Any:
    """What `load` returns; `InputError` where it raises or leaves, whatever the code of another package does."""
    try:
        return load()
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{what}, which cannot be imported ({reason(error)})",
            "MODULE:CLASS of a package that is installed, or whose folder is on PYTHONPATH",
        ) from error


def _is_choice(candidate: Any, base: type) -> bool:
    return inspect.isclass(candidate) and issubclass(candidate, base) and not inspect.isabstract(candidate)


def _constants(path: Path) -> dict[str, Any]:
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            with contextlib.suppress(ValueError):  # it is computed
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def _first_line(path: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
