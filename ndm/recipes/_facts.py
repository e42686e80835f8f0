"""Facts of data on which defaults are chosen: what an example is, its values, and how many there are."""

import math
from dataclasses import dataclass

import numpy as np

from ndm.data import DataSet
from ndm.data.event import Kind, event_of

_EXAMPLES, _VALUES = 1000, 2**22  # at most, that are looked at


@dataclass(frozen=True)
class Facts:
    """What the rules see of data.

    kind          as of `ndm.data.event.Event`
    shape         of an example; `sizes` without the axis of channels, if it has one
    num_levels    of images; `levels_used` is how many of them occur
    flat          the fraction of neighbours along the last axis that are equal; None for points and tables
    num_examples  of the training split; None for a stream, whose end is not known
    """

    kind: Kind
    shape: tuple[int, ...]
    sizes: tuple[int, ...]
    num_levels: int | None
    levels_used: int | None
    flat: float | None
    num_examples: int | None

    @property
    def has_channels(self) -> bool:
        """Whether an example has an axis of channels."""
        return len(self.shape) > len(self.sizes)

    @property
    def is_grid(self) -> bool:
        """Whether dimensions have neighbours: examples that are neither points nor rows of a table."""
        return self.kind not in ("points", "table")

    @property
    def text(self) -> str:
        """The facts in words."""
        number = "a stream" if self.num_examples is None else f"{self.num_examples:,} training examples"
        words = [f"{number} ({self.kind}) of {'x'.join(map(str, self.shape))}"]
        words += [f"{self.levels_used} of {self.num_levels} levels used"] * (self.num_levels is not None)
        words += [] if self.flat is None else [f"{self.flat:.0%} of neighbours equal"]
        return ", ".join(words)


def facts_of(data: DataSet, axes: int | None = None) -> Facts:
    """Find the facts of data; levels and neighbours are those of at most 1000 training examples, evenly spaced.

    `axes` is the number of axes of an example but that of channels, where it is given.
    """
    x = data.train.x
    event = event_of(data.event_shape, data.num_levels, data.columns, axes, data.name)
    number = min(len(x), _EXAMPLES, max(1, _VALUES // math.prod(data.event_shape)))
    sample = np.asarray(x[np.linspace(0, len(x) - 1, number, dtype=int)])
    has_neighbours = event.kind not in ("points", "table") and sample.shape[-1] > 1
    return Facts(
        event.kind,
        tuple(data.event_shape),
        event.sizes,
        data.num_levels,
        None if data.num_levels is None else len(np.unique(sample)),
        float((sample[..., 1:] == sample[..., :-1]).mean()) if has_neighbours else None,
        data.train.number,
    )
