"""A Gaussian step with the variance of q."""

from torch import Tensor

from ndm.parts.reverse_steps.reverse_step import GaussianReverseStep


class PosteriorReverseStep(GaussianReverseStep):
    """A Gaussian step with the variance of q, w = v."""

    def forward(self, variance: Tensor, step: Tensor | None = None, timesteps: int | None = None) -> Tensor:
        return variance
