"""The schedule of flow matching: signal and noise are mixed linearly."""

from torch import Tensor

from ndm.errors import InputError
from ndm.schedules.schedule import Level, Schedule

# At t = 1 the signal is gone and gamma is infinite. Every use of gamma there is multiplied by alpha = 0 or is
# exp(-gamma); taking alpha as this little keeps them 0 instead of 0 * infinity.
_LEAST_ALPHA = 1e-10


class FlowSchedule(Schedule):
    """alpha = 1 - t, sigma = sigma_min + (1 - sigma_min) t, gamma = 2 log(sigma / alpha).

    gamma' = 2 (sigma' / sigma + 1 / alpha).
    Source: Lipman et al., Flow Matching for Generative Modeling (2022), https://arxiv.org/abs/2210.02747.
    """

    def __init__(self, sigma_min: float = 1e-2) -> None:
        super().__init__()
        if not 0 < sigma_min < 1:
            raise InputError(f"sigma_min = {sigma_min}", "0 < sigma_min < 1")
        self.sigma_min = sigma_min

    def gamma(self, t: Tensor) -> Tensor:
        return self(t).gamma

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self(t).gamma, self(t).gamma_prime

    def forward(self, t: Tensor) -> Level:
        alpha = 1 - t
        sigma = self.sigma_min + (1 - self.sigma_min) * t
        signal = alpha.clamp_min(_LEAST_ALPHA)
        gamma = 2 * (sigma.log() - signal.log())
        return Level(gamma, 2 * ((1 - self.sigma_min) / sigma + 1 / signal), alpha, sigma)

    def log_sigma_prime(self, level: Level) -> Tensor:
        return (1 - self.sigma_min) / level.sigma
