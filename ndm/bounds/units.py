"""The unit in which likelihoods are reported: bits/dim for images, nats for real values."""

from typing import Protocol

from torch import Tensor

from ndm.bounds.nelbo import bits_per_dim


class Kind(Protocol):
    """What decides the unit: data and runs have these attributes."""

    @property
    def is_image(self) -> bool:
        """Whether examples are images of integer levels."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""


def unit(kind: Kind) -> str:
    """The name of the unit of reported likelihoods: bits/dim or nats."""
    return "bits/dim" if kind.is_image else "nats"


def in_unit(nats: Tensor | float, kind: Kind) -> float:
    """Convert a number of nats for one example to that unit."""
    return float(bits_per_dim(nats, kind.event_shape) if kind.is_image else nats)
