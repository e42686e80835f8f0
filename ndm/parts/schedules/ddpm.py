"""DDPM's table of noise levels, interpolated to all times."""

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.ranges import check_count, check_number
from ndm.parts.schedules.schedule import Schedule

_MOST = 100_000  # entries of the table
_LEAST_GAMMA = -20.0  # from which log abar has not yet risen by more than float32 can tell


class DdpmSchedule(Schedule):
    """DDPM's schedule: abar_k = prod_{j <= k} (1 - beta_j) at t = k / K, with K evenly spaced betas.

    gamma = log((1 - abar) / abar). Between the entries log abar is a cubic through both, whose slope at an entry is the
    mean of the steps on its sides, at most three times the smaller: it is monotone then. At t = 0 DDPM has no noise at
    all; here it has gamma_min, for the decoder of z_0.
    Sources: Ho et al., Denoising Diffusion Probabilistic Models (2020), https://arxiv.org/abs/2006.11239, section 4;
    of the cubic: Fritsch, Carlson, Monotone piecewise cubic interpolation (1980), https://doi.org/10.1137/0717021.

    Args:
        num: K.
        beta_min, beta_max: the first and the last beta.
        gamma_min: gamma(0), below the first entry of the table; -10, nearly on the line through the first two.
    """

    def __init__(
        self, num: int = 1000, beta_min: float = 1e-4, beta_max: float = 0.02, gamma_min: float = -10.0
    ) -> None:
        super().__init__()
        check_count("num", num, 2, _MOST)
        if not 0 < beta_min < beta_max < 1:
            raise InputError(f"betas from {beta_min} to {beta_max}", "0 < beta_min < beta_max < 1")
        check_number("gamma_min", gamma_min)
        betas = torch.linspace(beta_min, beta_max, num, dtype=torch.float64)
        first = torch.tensor([gamma_min], dtype=torch.float64)
        table = torch.cat([-torch.nn.functional.softplus(first), torch.log1p(-betas).cumsum(0)])
        steps = table.diff()
        if not (steps[0] < 0 and gamma_min >= _LEAST_GAMMA):
            raise InputError(
                f"gamma_min = {gamma_min}",
                f"at least {_LEAST_GAMMA:g} and below the first entry, {self._gamma(table[1]):.4g}",
            )
        before, after = steps[:-1], steps[1:]  # both negative
        between = torch.maximum((before + after) / 2, 3 * torch.maximum(before, after))
        slopes = torch.cat([steps[:1], between, steps[-1:]])
        self.log_abar: Tensor
        self.steps: Tensor
        self.slopes: Tensor
        self.register_constant("log_abar", table)
        self.register_constant("steps", steps)  # not taken from log_abar, which is rounded
        self.register_constant("slopes", slopes)  # of a step of k

    @staticmethod
    def _gamma(log_abar: Tensor) -> Tensor:
        return torch.log(-torch.expm1(log_abar)) - log_abar  # log((1 - abar) / abar); exp(-log abar) may overflow

    def gamma(self, t: Tensor) -> Tensor:
        return self.with_velocity(t)[0]

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        num = len(self.log_abar) - 1
        k = (t.detach() * num).long().clamp(0, num - 1)
        u = t * num - k  # in [0, 1] between entries k and k + 1
        # `take`, because the host would read an index of no dimensions
        start, rise, slope = (table.take(k) for table in (self.log_abar, self.steps, self.slopes))
        bend, twist = rise - slope, slope + self.slopes.take(k + 1) - 2 * rise
        # start + slope u + (bend - twist) u^2 + twist u^3: values and slopes are those of both entries
        log_abar = start + u * (slope + u * (bend - twist + u * twist))
        log_abar_prime = num * (slope + u * (2 * (bend - twist) + 3 * u * twist))
        return self._gamma(log_abar), log_abar_prime / torch.expm1(log_abar)
