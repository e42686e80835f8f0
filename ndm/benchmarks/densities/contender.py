"""What a contender is: it is fitted to data within a budget, and then has a density and samples."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from ndm.data import DataSet


class Fitted(ABC):
    """A density of data, in their own units.

    Attributes:
        steps: steps of training that were taken.
        sampler: how samples are drawn.
    """

    steps: int
    sampler: str

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (N,), of x (N, *event)."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...], seed: int) -> Tensor:
        """Samples of data, `shape` = (N, *event)."""

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """Numbers that were trained."""

    def bound(self, x: Tensor) -> Tensor | None:
        """-log p(x) <= this in the mean, (N,) nats, where training has a bound."""
        return None


class Contender(ABC):
    """A model and how it is trained."""

    def check(self) -> None:
        """Raise `InputError` where a package that it needs is absent."""
        return None

    @abstractmethod
    def configuration(self, data: DataSet, seconds: float, seed: int, rate: float) -> dict[str, Any]:
        """All that decides the outcome of `fit`, as plain data."""

    @abstractmethod
    def fit(self, data: DataSet, seconds: float, seed: int, rate: float) -> Fitted:
        """Train on `data.train` for `seconds` of CPU time, at `rate` times the contender's own learning rate.

        Raises `FloatingPointError` where training diverges.
        """
