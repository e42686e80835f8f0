"""The volatility that keeps a linear transformation's process Markov."""

from torch import Tensor

from ndm.errors import InputError
from ndm.schedules import Schedule
from ndm.shapes import like_event
from ndm.transforms import Transform
from ndm.transforms.scaling import ScalingTransform
from ndm.volatilities.volatility import Volatility


class MarkovVolatility(Volatility):
    """eta_i = gt_i' / gamma', D_i = gt_i(t) - gt_i(s), with gt_i = gamma - 2 log w_i, for F = B^T diag(w) B x.

    In the coordinates of B each dimension is then a VDM of its own, with the noise schedule gt_i, so that the
    continuous bound is tight for an exact predictor. A scale that grows faster than the noise would need eta < 0: it is
    held at a small positive eta, where the process is valid but no longer Markov.
    """

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        _, log_w_prime = _scaling(transform).log_scale_with_velocity(t.reshape(-1))
        _, gamma_prime = schedule.with_velocity(t.reshape(-1))
        return (1 - 2 * log_w_prime / like_event(gamma_prime, log_w_prime)).clamp_min(_LEAST)

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        s, t = s.reshape(-1), t.reshape(-1)
        log_w_t, log_w_s = (_scaling(transform).log_scale_with_velocity(u)[0] for u in (t, s))
        span = like_event(schedule.gamma(t) - schedule.gamma(s), log_w_t)
        return (span - 2 * (log_w_t - log_w_s)).clamp_min(_LEAST * span)


_LEAST = 1e-3


def _scaling(transform: Transform) -> ScalingTransform:
    if not isinstance(transform, ScalingTransform):
        raise InputError(f"MarkovVolatility with {type(transform).__name__}", "a ScalingTransform",
                         "only a linear, diagonal transformation has a Markov volatility in closed form")
    return transform
