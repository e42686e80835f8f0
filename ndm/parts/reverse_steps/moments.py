"""A Gaussian step with the mean and variance of the mixture."""

from torch import Tensor

from ndm.parts.reverse_steps.reverse_step import MarginalisedReverseStep
from ndm.process.gaussian import Gaussian
from ndm.process.mixture import Mixture


class MomentsReverseStep(MarginalisedReverseStep):
    """A Gaussian step with the moments of `MixtureReverseStep`, w_i = v_i + Var(deviation_i), for each z_t.

    It is exact in its second moment where the predictor is (for independent dimensions the ancestral chain then is of
    second order in law), and serves every step.
    """

    def distribution(
        self, q: Gaussian, deviation: Mixture | None, step: Tensor | None = None, timesteps: int | None = None
    ) -> Gaussian:
        assert deviation is not None  # checked when the model was made
        return Gaussian(q.mean, (q.std**2 + deviation.variance).sqrt(), q.basis)
