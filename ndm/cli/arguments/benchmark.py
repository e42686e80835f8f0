"""Measure what the library claims; see: ndm benchmark NAME --help."""

import operator
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any

import tyro
from ndm.benchmarks import benchmarks

_Chosen: Any = reduce(
    operator.or_,
    [
        Annotated[kind, tyro.conf.subcommand(name)]  # type: ignore[arg-type]
        for name, kind in benchmarks().items()
    ],
)


@dataclass(frozen=True)
class Benchmark:
    """What `ndm benchmark` is told."""

    chosen: Annotated[_Chosen, tyro.conf.arg(name="")]
    """What is measured."""
