"""The variance that the predictor itself believes in."""

from torch import Tensor

from ndm.gaussian import Gaussian
from ndm.mixture import Mixture
from ndm.step_variances.step_variance import BelievedStepVariance


class MomentsStepVariance(BelievedStepVariance):
    """w_i = v_i + Var(deviation_i): the Gaussian with the moments of `MixtureStepVariance`, different for each z_t.

    It is exact in its second moment where the predictor is (for independent dimensions the ancestral chain then is of
    second order in law), and serves every step.
    """

    def distribution(
        self, q: Gaussian, deviation: Mixture | None, step: Tensor | None = None, timesteps: int | None = None
    ) -> Gaussian:
        return Gaussian(q.mean, (q.std**2 + self.require(q, deviation).variance).sqrt(), q.basis)
