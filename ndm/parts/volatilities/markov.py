"""The volatility that keeps the process of each coordinate Markov."""

import torch
from torch import Tensor

from ndm.base.shapes import like_event
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities._rises import Rises, thirds
from ndm.parts.volatilities.volatility import Volatility

_LEAST = 1e-3


class MarkovVolatility(Volatility):
    """eta_i = gt_i' / gamma', D_i = gt_i(t) - gt_i(s), with gt_i = gamma - 2 log w_i, for F = B^T diag(w) B x.

    In the coordinates of B each dimension is then a VDM, with the noise schedule gt_i, so that the
    continuous bound is tight for an exact predictor. A scale that grows faster than the noise would need eta < 0: there
    eta is held at a small positive number, where the process is valid but no longer Markov, and D_i gains what gt_i
    falls: D is the integral of the eta that is held. Where F has no scale, eta = 1.
    """

    def asked(self, schedule: Schedule, transform: Transform, like: Tensor) -> Tensor | None:
        return thirds(schedule, transform, like) if transform.has_scale else None

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        t = t if t.ndim else t[None]
        _, log_w_prime = transform.log_scale_with_velocity(t)
        _, gamma_prime = schedule.with_velocity(t)
        return (1 - 2 * log_w_prime / like_event(gamma_prime, log_w_prime)).clamp_min(_LEAST)

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        s, t = (u if u.ndim else u[None] for u in (s, t))
        gamma_s, gamma_t = schedule.gamma(s), schedule.gamma(t)
        if not transform.has_scale:
            return gamma_t - gamma_s
        log_w_t, log_w_s = transform.log_scale_at(t), transform.log_scale_at(s)
        span = like_event(gamma_t - gamma_s, log_w_t)
        # eta gamma' = gt' + max(2 (log w)' - (1 - least) gamma', 0)
        asked = thirds(schedule, transform, t) if self.evaluated_at is None else self.evaluated_at
        rises = Rises(schedule, transform, 1 - _LEAST, asked)
        both = (torch.cat(pair) for pair in ((s, t), (log_w_s, log_w_t), (gamma_s, gamma_t)))
        at_s, at_t = rises(*both).split([len(s), len(t)])
        held = at_t - at_s
        return torch.maximum(span - 2 * (log_w_t - log_w_s) + held, _LEAST * span)  # it is no less, but for rounding
