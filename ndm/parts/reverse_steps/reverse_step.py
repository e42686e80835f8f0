"""The interface of a reverse step: the form of p(z_s | z_t), given the variance v of q(z_s | z_t, x)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ndm.base.axes import PREDICTORS, REVERSE_STEPS
from ndm.base.errors import Advice, InputError, Setting
from ndm.base.kinds import a
from ndm.base.part import Part
from ndm.base.ranges import check_count, check_shape
from ndm.process.bases import StandardBasis
from ndm.process.gaussian import Gaussian
from ndm.process.mixture import Mixture


class ReverseStep(Part, ABC):
    """Makes p(z_s | z_t) from q's step: its variance w_{s|t}, or the whole distribution.

    KL(q || p) = 1/2 sum_i [ v/w - 1 - log(v/w) + (mean difference)^2 / w ] is lowest at w = v + E[(mean
    difference)^2]. In continuous time w = v is forced, so that only steps of finite length ask for it: those of the
    discrete bounds and of the ancestral sampler. One made from q's step and p(x | z_t) serves every (s, t) and eta; a
    table serves only the steps of its chain, t = (k + 1) / T -> s = k / T, with the model's volatility.

    Attributes:
        needs_posterior: whether it needs p(x | z_t), dimension by dimension, and not x^ alone.
    """

    needs_posterior = False

    def require_chain(self, timesteps: int | None) -> None:
        """Raise `InputError` unless it serves every step of the chain of T = `timesteps` steps.

        None stands for steps between other times, or with another volatility than the model's own.
        """

    @abstractmethod
    def distribution(
        self, q: Gaussian, deviation: Mixture | None, step: Tensor | None = None, timesteps: int | None = None
    ) -> Gaussian | Mixture:
        """Make p(z_s | z_t).

        Args:
            q: q(z_s | z_t, .) at the predicted curve.
            deviation: how the mean of q deviates from there, of mean 0, if `needs_posterior`.
            step: k, (B,) or (), of T = `timesteps`, where it is a step of that chain with the model's own volatility.

        Raises:
            InputError: for a step that it does not serve.
        """

    def observe(self, variance: Tensor, step: Tensor, timesteps: int, squared_difference: Tensor) -> None:
        """Record (mean of q - mean of p)^2, (B, *event), while training."""


class GaussianReverseStep(ReverseStep, ABC):
    """A Gaussian step with one variance for each step and dimension, p(z_s | z_t) = N(mean of q, w)."""

    def distribution(
        self, q: Gaussian, deviation: Mixture | None, step: Tensor | None = None, timesteps: int | None = None
    ) -> Gaussian:
        return Gaussian(q.mean, self(q.std**2, step, timesteps).sqrt(), q.basis)

    @abstractmethod
    def forward(self, variance: Tensor, step: Tensor | None = None, timesteps: int | None = None) -> Tensor:
        """Compute w from q's variance v and the step k of `timesteps`; both broadcast against (B, *event)."""


class MarginalisedReverseStep(ReverseStep, ABC):
    """A step made of the predictor's p(x_i | z_t): q's mean is gain_i x_i + offset_i, and x_i is unknown."""

    needs_posterior = True

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        predictor, transform = parts["predictor"], parts["transform"]
        if not predictor.has_posterior:
            raise InputError(
                f"a reverse step of posteriors with {a(predictor)}, which has none",
                "a predictor that has_posterior",
                Advice.of("choose {}, or {}", PREDICTORS.setting("direct"), REVERSE_STEPS.setting("learned")),
            )
        if not isinstance(transform.basis, StandardBasis):
            raise InputError(
                f"a reverse step of posteriors in {a(transform.basis)}",
                "the data's own dimensions",
                Advice.of(
                    "choose {}, or {}",
                    Setting("basis=StandardBasis()", "basis=pixel"),
                    REVERSE_STEPS.setting("learned"),
                ),
            )


class TabulatedReverseStep(GaussianReverseStep, ABC):
    """A Gaussian step with a table of ratios w / v, for each of T steps and each dimension: for that chain alone."""

    def __init__(self, event_shape: tuple[int, ...], timesteps: int | None) -> None:
        super().__init__()
        if timesteps is None:
            raise InputError(
                f"{type(self).__name__} in continuous time",
                "q's own variance or a number of steps",
                Advice.of(
                    "give {}: for infinitely many steps w = v is forced",
                    Setting("a number of timesteps", "--timesteps T"),
                ),
            )
        check_count("timesteps", timesteps, 1)
        self.timesteps, self.event_shape = timesteps, check_shape(event_shape)

    def require_chain(self, timesteps: int | None) -> None:
        if timesteps != self.timesteps:
            got = "steps of another time grid or volatility" if timesteps is None else f"a chain of {timesteps} steps"
            raise InputError(
                f"{got} for the table of {self.timesteps} steps of {type(self).__name__}",
                f"the {self.timesteps} equal steps of time, with the model's own volatility",
                f"take T = {self.timesteps} and no other grid or eta, or a sampler other than ancestral; "
                "a model with the reverse steps mixture, moments or posterior serves all of them",
            )

    def forward(self, variance: Tensor, step: Tensor | None = None, timesteps: int | None = None) -> Tensor:
        self.require_chain(timesteps)
        assert step is not None
        return variance * nn.functional.embedding(step, self.ratio().flatten(1)).unflatten(-1, self.event_shape)

    @abstractmethod
    def ratio(self) -> Tensor:
        """Compute the table w / v, (T, *event)."""
