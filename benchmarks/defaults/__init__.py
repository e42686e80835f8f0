"""Defaults that fit: the real data on which rules for networks, sizes and rates are chosen, and what codecs take."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.defaults.sets import CACHE, SETS, RealSet, Result, build
from ndm.base.registry import choose
from ndm.data import DataSet
from ndm.data.codecs import Bits, bits

_HEADS = ("set", "kind", "train", "validation", "test", "event", "WebP", "WebP each", "PNG", "PNG each", "zlib", "xz")
_HEADS += ("licence",)


@dataclass(frozen=True)
class Defaults:
    """Make the real data sets of the study, and say what they are and what lossless codecs take for them.

    Bits per dimension of the test images: one tiled picture and a file for each in lossless WebP
    and in PNG, zlib, xz.
    """

    only: tuple[str, ...] = ()
    """names of sets; all without it"""
    cache: Path = CACHE
    """the folder of archives and sets"""

    def run(self) -> int:
        """Make the sets, say what was left out, and print the table."""
        chosen: list[RealSet] = [choose("set", name, SETS) for name in self.only or SETS]
        rows: list[tuple[str, ...]] = [_HEADS, ("---",) * len(_HEADS)]
        for each in chosen:
            result = build(each, self.cache.expanduser())
            print("\n".join(said(each, result)), flush=True)
            rows.append(tuple(described(each, result.load())))
        print("\n".join(("", *(f"| {' | '.join(row)} |" for row in rows))))
        return 0


def described(chosen: RealSet, data: DataSet) -> Iterator[str]:
    """The cells of a row: sizes, shape, bits per dimension of test images, licence."""
    yield from (chosen.name, chosen.kind)
    yield from (f"{len(split):,}" for split in (data.train, data.validation, data.test))
    yield "x".join(map(str, data.event_shape))
    yield from (
        (f"{value:.3f}" for value in bits(np.asarray(data.test.x))) if data.is_image else ("",) * len(Bits._fields)
    )
    yield chosen.licence


def said(chosen: RealSet, result: Result) -> Iterator[str]:
    """Lines on whose data they are, what is done to them, and what was left out."""
    yield f"{chosen.name}: {chosen.whose}; {chosen.done}"
    if chosen.archives:
        yield f"  from {', '.join(f'{each.title} ({each.registry})' for each in chosen.archives)}"
    if result.notes:
        yield f"  left out: {', '.join(result.notes)}"
