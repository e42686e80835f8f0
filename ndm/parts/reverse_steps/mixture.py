"""The whole distribution of a step, not its variance alone."""

from torch import Tensor

from ndm.parts.reverse_steps.reverse_step import MarginalisedReverseStep
from ndm.process.gaussian import Gaussian
from ndm.process.mixture import Mixture


class MixtureReverseStep(MarginalisedReverseStep):
    """p(z_s | z_t) = prod_i integral of q(z_s,i | z_t, x_i) p(x_i | z_t) dx_i: q's step for each x, by its probability.

    A Gaussian step is right when steps are many. When they are few, what a step reveals of x_i is far from Gaussian:
    one of several levels, say; the mixture misses nothing but the dependence between dimensions. That holds for every
    eta: at eta = 0 it is q's deterministic step to a point for every x, and the ODE's only in the limit of many steps.
    Source of the idea: the x-parameterised steps of Austin et al., D3PM (2021), https://arxiv.org/abs/2107.03006.
    """

    def distribution(
        self, q: Gaussian, deviation: Mixture | None, step: Tensor | None = None, timesteps: int | None = None
    ) -> Mixture:
        assert deviation is not None  # checked when the model was made
        return deviation.shifted(q.mean).blurred(q.std**2)
