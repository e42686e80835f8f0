"""The deterministic sampler that extrapolates the predicted curve: second order for one evaluation a step."""

from ndm.model import NeuralDiffusion
from ndm.samplers.exponential import Exponential
from ndm.samplers.sampler import Grid


class Multistep(Exponential):
    """The deterministic step along the extrapolated curve of `Exponential`: eta = 0, second order.

    z_s = alpha_s f(s) + (sigma_s / sigma_t) (z_t - alpha_t f(t)).
    For F = identity it is DPM-Solver++(2M): Lu et al. (2022), https://arxiv.org/abs/2211.01095.
    """

    def __init__(self, model: NeuralDiffusion, steps: int = 50, *, grid: str | Grid = "time") -> None:
        super().__init__(model, steps, eta=0.0, grid=grid)
