"""The unit in which likelihoods are reported: bits/dim for images, nats for real values."""

from typing import Protocol

from torch import Tensor

from ndm.bounds.nelbo import bits_per_dim


class Kind(Protocol):
    """What decides the unit: of data, and of a run."""

    @property
    def is_image(self) -> bool:
        """Whether examples are images of integer levels."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""


def unit(kind: Kind) -> str:
    """Its name."""
    return "bits/dim" if kind.is_image else "nats"


def in_unit(nats: Tensor | float, kind: Kind) -> float:
    """A number of nats for one example, in that unit."""
    return float(bits_per_dim(nats, kind.event_shape) if kind.is_image else nats)
