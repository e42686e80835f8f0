"""The variance of q itself."""

from torch import Tensor

from ndm.step_variances.step_variance import GaussianStepVariance


class PosteriorStepVariance(GaussianStepVariance):
    """w = v."""

    def forward(self, variance: Tensor, step: Tensor | None = None, timesteps: int | None = None) -> Tensor:
        return variance
