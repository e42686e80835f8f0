"""Benchmarks, one file each: a frozen dataclass whose fields are its options and whose `run()` measures something."""

import inspect
from typing import Protocol, runtime_checkable

from ndm.base.registry import modules


@runtime_checkable
class Benchmark(Protocol):
    """What `ndm benchmark NAME` runs; NAME is the name of the file."""

    def run(self) -> int:
        """Measure, write, show; returns the exit code."""


def benchmarks() -> dict[str, type]:
    """The first class with a method `run` in each file of this folder, by the name of the file."""
    return discover(__name__, Benchmark)


def discover(package: str, base: type) -> dict[str, type]:
    """The concrete subclass of `base` that each module of `package` defines, by module name."""
    found = {}
    for name, module in modules(package).items():
        for candidate in vars(module).values():
            defined_here = inspect.isclass(candidate) and candidate.__module__ == module.__name__
            if defined_here and issubclass(candidate, base) and not inspect.isabstract(candidate):
                found[name] = candidate
                break
    return found
