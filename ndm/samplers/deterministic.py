"""The deterministic process, one predicted curve at a time."""

from ndm.model import NeuralDiffusion
from ndm.samplers.ancestral import AncestralSampler
from ndm.samplers.grids import uniform_time
from ndm.samplers.sampler import Grid


class DeterministicSampler(AncestralSampler):
    """z_s = alpha_s f^(s) + (sigma_s / sigma_t) (z_t - alpha_t f^(t)), the curve predicted at z_t: eta = 0.

    Of first order in the step, and exact where the predicted curve does not change along the way. For F = identity it
    is DDIM: Song et al. (2020), https://arxiv.org/abs/2010.02502.
    """

    def __init__(self, model: NeuralDiffusion, steps: int = 50, *, grid: Grid = uniform_time) -> None:
        super().__init__(model, steps, eta=0.0, grid=grid)
