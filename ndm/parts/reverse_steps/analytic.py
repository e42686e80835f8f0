"""A Gaussian step with the best variance, from a running estimate of the model's error."""

from torch import Tensor

from ndm.base.running_mean import RunningMean
from ndm.parts.reverse_steps.reverse_step import TabulatedReverseStep


class AnalyticReverseStep(TabulatedReverseStep):
    """A Gaussian step with w = v + E[(mean of q - mean of p)^2], averaged for each step and dimension while training.

    It minimises the KL of the step for the model as it is. Source of the idea: Bao et al., Analytic-DPM (2022),
    https://arxiv.org/abs/2201.06503.
    """

    def __init__(self, event_shape: tuple[int, ...], timesteps: int | None, decay: float = 0.99) -> None:
        super().__init__(event_shape, timesteps)
        self.excess = RunningMean((self.timesteps, *self.event_shape), decay)  # E[(mean difference)^2] / v

    def ratio(self) -> Tensor:
        return 1 + self.excess.value

    def observe(self, variance: Tensor, step: Tensor, timesteps: int, squared_difference: Tensor) -> None:
        self.require_chain(timesteps)
        self.excess.update(step, squared_difference / variance)
