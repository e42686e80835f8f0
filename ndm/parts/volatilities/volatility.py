"""The interface of a volatility: eta(t) >= 0 and its integral along gamma."""

from abc import ABC, abstractmethod

from torch import Tensor

from ndm.base.part import Part
from ndm.base.ranges import check_number
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform


class Volatility(Part, ABC):
    """A volatility eta_t, relative to the Markov (DDPM) process: g_t^2 = eta_t sigma_t^2 gamma'_t.

    eta = 0 is deterministic (DDIM), eta = 1 is DDPM. Values are one number per example (B,), or one per dimension
    (B or 1, *event) in the transformation's basis; they may depend on the schedule and on the transformation of the
    model that asks.

    Attributes:
        observes: whether `observe` records anything; the discrete bound computes its arguments only then.
    """

    observes = False
    evaluated_at: Tensor | None = None  # the times `asked`, where they have been evaluated

    @abstractmethod
    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        """Compute eta_t."""

    @abstractmethod
    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        """Compute D = integral from s to t of eta dgamma."""

    def asked(self, schedule: Schedule, transform: Transform, like: Tensor) -> Tensor | None:
        """The times at which `integral` asks schedule and transformation beside s and t, (n,), like `like`."""
        return None

    def observe(self, t: Tensor, difference: Tensor, slope: Tensor) -> None:
        """Record dF(t) and dF'(t) / gamma'_t, both (B, *event), while training."""

    @staticmethod
    def check_start(start: float) -> None:
        """Raise `InputError` unless a learned eta can start there."""
        check_number("start", start, above=0, advice="1 is DDPM's")

    def require_noise(self) -> None:
        """Raise `InputError` if eta is 0, where the bound is infinite and only sampling makes sense."""
