"""The interface of a drawing: how examples of one kind, and what a model does with them, become pictures."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from ndm.data.event import Event


class Neighbours(NamedTuple):
    """Samples, and the nearest of some training examples to each.

    samples   (N, *event)
    nearest   (N, *event)
    distances of each sample to its nearest (N,)
    of_test   such distances of test examples (M,)
    searched  number of training examples among which they were searched
    """

    samples: np.ndarray
    nearest: np.ndarray
    distances: np.ndarray
    of_test: np.ndarray
    searched: int


class Drawing(ABC):
    """Draws examples (N, *event) as PNG bytes. Data and model have the same colours, and one scale, throughout.

    Args:
        event: the kind of the examples.
        like: real examples that fix the scale; without them each picture has its own.
    """

    shown: ClassVar[int]
    """examples in a picture of the report"""
    beside: ClassVar[Literal["train", "test"]]
    """the split that samples are shown beside"""
    followed: ClassVar[int]
    """examples whose path is drawn"""
    of_a_class: ClassVar[int]
    """samples of one class in a picture of several, at most"""
    most: ClassVar[int] = 10_000_000
    """examples that a picture of any number has, at most"""
    are_points: ClassVar[bool] = False
    """whether examples share their place, so that many fit"""

    def __init__(self, event: Event, like: np.ndarray | None = None) -> None:
        self.event, self.like = event, like

    @abstractmethod
    def examples(self, x: np.ndarray, title: str = "", is_data: bool = False) -> bytes:
        """Draw examples, the first `most`."""

    @abstractmethod
    def by_class(self, parts: Sequence[tuple[str, np.ndarray]]) -> bytes:
        """Draw samples of several conditions, each under its name."""

    @abstractmethod
    def filmstrip(self, frames: np.ndarray, times: list[float]) -> bytes:
        """Draw F(x, t) over t, and F(x, t) - x: frames (len(times), N, *event), in the model's coordinates."""

    @abstractmethod
    def neighbours(self, found: Neighbours) -> bytes:
        """Draw samples with the training examples that are nearest to them, or how far these are."""

    def order(self, gammas: np.ndarray, times: list[float]) -> bytes | None:
        """Draw when each place is revealed, by its gamma_i(t), (len(times), *event), at times from noise to data.

        None where examples have no places.
        """
        return None


def about_change(frames: np.ndarray) -> str:
    """The title of a filmstrip."""
    largest = float(np.abs(frames - frames[:1]).max())
    return f"The learned path F(x, t), and F(x, t) - x\nbelow it, which is {largest:.2g} at most"
