"""Benchmarks, one file each: a frozen dataclass whose fields are its options and whose `run()` measures something."""

from typing import Protocol, runtime_checkable

from ndm.base.registry import discover


@runtime_checkable
class Benchmark(Protocol):
    """What `ndm benchmark NAME` runs; NAME is the name of the file."""

    def run(self) -> int:
        """Measure, write, show; returns the exit code."""


def benchmarks() -> dict[str, type]:
    """The first class with a method `run` in each file of this folder, by the name of the file."""
    return discover(__name__, Benchmark)
