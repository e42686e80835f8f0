"""What a reverse step is: the spread of p(z_s | z_t), given the variance v of q(z_s | z_t, x)."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.process.bases import StandardBasis
from ndm.process.gaussian import Gaussian
from ndm.process.mixture import Mixture


class ReverseStep(Part, ABC):
    """The form of p(z_s | z_t): its variance w_{s|t}, or the whole distribution.

    KL(q || p) = 1/2 sum_i [ v/w - 1 - log(v/w) + (mean difference)^2 / w ] is lowest at w = v + E[(mean
    difference)^2]. In continuous time w = v is forced, so that only steps of finite length ask for it: those of the
    discrete bounds and of the ancestral sampler. One made from q's step and p(x | z_t) serves every (s, t) and eta; a
    table serves the steps of its own chain, t = (k + 1) / T -> s = k / T with the model's own volatility.

    Attributes:
        needs_posterior: whether it needs what the predictor needs_posterior of x beyond x^.
    """

    needs_posterior = False

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], timesteps: int | None, **options: Any) -> "ReverseStep":
        """The reverse step of a chain of `timesteps` steps (None: continuous time)."""
        return cls(**options)

    def require_chain(self, timesteps: int | None) -> None:
        """Raise `InputError` unless it serves every step of the chain of T = `timesteps` steps.

        None stands for steps between other times, or with another volatility than the model's own.
        """

    @abstractmethod
    def distribution(
        self, q: Gaussian, deviation: Mixture | None, step: Tensor | None = None, timesteps: int | None = None
    ) -> Gaussian | Mixture:
        """p(z_s | z_t).

        Args:
            q: q(z_s | z_t, .) at the predicted curve.
            deviation: how the mean of q deviates from there, of mean 0, if `needs_posterior` and the predictor says so.
            step: k, (B,) or (), of T = `timesteps`, where it is a step of that chain with the model's own volatility.

        Raises:
            InputError: for a step that it does not serve.
        """

    def observe(self, variance: Tensor, step: Tensor, timesteps: int, squared_difference: Tensor) -> None:
        """Take note, while training, of (mean of q - mean of p)^2, (B, *event)."""


class GaussianReverseStep(ReverseStep, ABC):
    """One variance for each step and dimension: p(z_s | z_t) = N(mean of q, w)."""

    def distribution(
        self, q: Gaussian, deviation: Mixture | None, step: Tensor | None = None, timesteps: int | None = None
    ) -> Gaussian:
        return Gaussian(q.mean, self(q.std**2, step, timesteps).sqrt(), q.basis)

    @abstractmethod
    def forward(self, variance: Tensor, step: Tensor | None = None, timesteps: int | None = None) -> Tensor:
        """w, from q's variance v and the step k of `timesteps`; both broadcast against (B, *event)."""


class MarginalisedReverseStep(ReverseStep, ABC):
    """Made of what the predictor needs_posterior: q's mean is gain_i x_i + offset_i, and x_i is not known."""

    needs_posterior = True

    @staticmethod
    def require(q: Gaussian, deviation: Mixture | None) -> Mixture:
        """The deviation; raises `InputError` where the predictor gives none, or not in the coordinates of q."""
        if deviation is None:
            raise InputError(
                "a reverse step of posteriors with a predictor that has none",
                "a direct predictor",
                "choose --predictor direct, or --reverse-step learned",
            )
        if not isinstance(q.basis, StandardBasis):
            raise InputError(
                f"a reverse step of posteriors in a {type(q.basis).__name__}",
                "the data's own dimensions",
                "choose basis=pixel, or --reverse-step learned",
            )
        return deviation


class TabulatedReverseStep(GaussianReverseStep, ABC):
    """A ratio w / v for each of T steps and each dimension: no step of another chain has one."""

    def __init__(self, event_shape: tuple[int, ...], timesteps: int) -> None:
        super().__init__()
        if timesteps < 1:
            raise InputError(f"a table of {timesteps} steps", "at least 1")
        self.timesteps, self.event_shape = timesteps, tuple(event_shape)

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], timesteps: int | None, **options: Any) -> "ReverseStep":
        if timesteps is None:
            raise InputError(
                f"{cls.__name__} in continuous time",
                "q's own variance or a number of steps",
                "give --timesteps T: for infinitely many steps w = v is forced",
            )
        return cls(event_shape, timesteps, **options)

    def require_chain(self, timesteps: int | None) -> None:
        if timesteps != self.timesteps:
            got = "steps of another time grid or volatility" if timesteps is None else f"a chain of {timesteps} steps"
            raise InputError(
                f"{got} for the table of {self.timesteps} steps of {type(self).__name__}",
                f"the {self.timesteps} equal steps of time, with the model's own volatility",
                f"take T = {self.timesteps} and no other grid or eta, or a sampler other than ancestral; "
                "a model trained with --reverse-step mixture, moments or posterior serves all of them",
            )

    def forward(self, variance: Tensor, step: Tensor | None = None, timesteps: int | None = None) -> Tensor:
        self.require_chain(timesteps)
        return variance * self.ratio()[step]

    @abstractmethod
    def ratio(self) -> Tensor:
        """w / v, (T, *event)."""
