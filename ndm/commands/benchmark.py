"""ndm benchmark"""

import operator
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any

import tyro

from ndm.base.errors import InputError
from ndm.base.registry import choose
from ndm.benchmarks import benchmarks

_KNOWN = benchmarks()
_Chosen: Any = reduce(
    operator.or_,
    [
        Annotated[kind, tyro.conf.subcommand(name)]  # type: ignore[arg-type]
        for name, kind in _KNOWN.items()
    ],
)


@dataclass(frozen=True)
class Benchmark:
    """Measure what the library claims; see: ndm benchmark NAME --help."""

    chosen: Annotated[_Chosen, tyro.conf.arg(name="")]

    def run(self) -> int:
        """Run the benchmark; it is done when the same command has nothing left to do."""
        code: int = self.chosen.run()
        return code


def check_name(words: list[str]) -> None:
    """Raise `InputError` where `words`, those of the command line, ask for a benchmark that there is not."""
    if words == ["benchmark"]:
        raise InputError("no name of a benchmark", "one of " + ", ".join(sorted(_KNOWN)))
    if words[:1] == ["benchmark"] and not words[1].startswith("-"):
        choose("benchmark", words[1], _KNOWN)
