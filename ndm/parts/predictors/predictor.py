"""What a predictor is: (z_t, t) -> a curve."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from ndm.base.part import Part
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve


class Predictor(Part, ABC):
    """The model's guess f^ of the curve t -> F(x, t) from the latent z_t.

    Any curve made from (z_t, t) gives a valid model: p(z_s | z_t) is q(z_s | z_t, .) with f^ in place of F(x, .). The
    best one is E[F(x, .) | z_t], which plugging a point x^ into F does not reach unless F is linear.
    """

    @classmethod
    @abstractmethod
    def for_events(
        cls,
        event_shape: tuple[int, ...],
        transform: Transform,
        num_levels: int | None = None,
        num_classes: int = 0,
        num_values: int = 0,
        **options: Any,
    ) -> "Predictor":
        """The predictor of this transformation's curves, for data of `num_levels` levels (None: real values).

        `options` are options of its network.
        """

    def initialise(self, x: Tensor) -> None:
        """Take from the training data x (N, *event), as the model sees them, what can be read off them."""

    def check(self, schedule: Schedule, transform: Transform) -> None:
        """Raise `InputError` for a schedule or a transformation that this predictor is not for."""

    @abstractmethod
    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        """The predicted curve, for z_t (B, *event), t (B,), and the noise level at t."""
