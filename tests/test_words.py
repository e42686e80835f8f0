"""Everything public has a docstring, and words that say little are nowhere."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import ndm

ROOT = Path(__file__).parent.parent
AVOIDED = re.compile(r"\b(what of it|of its own|let go|dear|whoever|said to be)\b|belie[fv]", re.I)
MODULES = sorted(info.name for info in pkgutil.walk_packages(ndm.__path__, "ndm.") if "__main__" not in info.name)


def texts() -> list[Path]:
    """The text files of the repository, this one excepted."""
    folders = ("ndm", "benchmarks", "tests", "docs", "examples", "findings")
    found = [*ROOT.glob("*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    kinds = (".py", ".md", ".sh", ".toml", ".txt")
    return [path for path in found if path.suffix in kinds and path != Path(__file__)]


def test_the_words_to_avoid_are_nowhere():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if AVOIDED.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_says_what_it_does(name):
    module = importlib.import_module(name)
    assert module.__doc__, name
    for kind, member in vars(module).items():
        if kind.startswith("_") or getattr(member, "__module__", None) != name:
            continue
        if inspect.isfunction(member) or inspect.isclass(member):
            assert inspect.getdoc(member), f"{name}.{kind}"
        if inspect.isclass(member):
            for method, function in inspect.getmembers(member, inspect.isfunction):
                if not method.startswith("_") and function.__module__ == name:
                    assert inspect.getdoc(getattr(member, method)), f"{name}.{kind}.{method}"
