"""How far functions of time rise, all in all: the integral of the positive part of their derivative."""

from functools import lru_cache

import torch
from torch import Tensor

from ndm.base.precision import matmul
from ndm.base.shapes import like_event
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform

_CELLS = 128
_APART = 1e-6  # times that are closer are one
# The coefficients of a cubic on [0, 1], from its values at 0, 1/3, 2/3, 1, and from its values and slopes at the ends.
_BY_VALUES = ((1.0, 0.0, 0.0, 0.0), (-5.5, 9.0, -4.5, 1.0), (9.0, -22.5, 18.0, -4.5), (-4.5, 13.5, -13.5, 4.5))
_BY_ENDS = ((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (-3.0, 3.0, -2.0, -1.0), (2.0, -2.0, 1.0, 1.0))


class Rises:
    """R(t) = integral from 0 to t of max(h', 0), for h_i = 2 log w_i - weight gamma.

    h is followed over cells of time, at whose edges the velocities of log w and gamma may jump (`knots`), as a cubic in
    each: log w through its values at the thirds, gamma through its values and slopes at the ends, so that the signs of
    h' there are exact. Where h' keeps its sign, a cell's rise is the difference of h at its ends, or 0. Where it
    changes sign, h is taken at the turning point; as h' = 0 there, the place itself matters little. R(t) - R(s) is
    additive whatever the cells. Every cell is treated alike: to look whether it turns would be a read by the host.
    """

    def __init__(self, schedule: Schedule, transform: Transform, weight: float, at: Tensor) -> None:
        """`at` are the `thirds` of the cells, of the type and on the device of what is asked for."""
        self.weight, self.edges = weight, at[::3].contiguous()
        cells, self.width = len(self.edges) - 1, self.edges.diff()
        log_w = transform.log_scale_at(at)
        gamma, gamma_prime = (value[::3] for value in schedule.with_velocity(at))
        values = torch.stack([log_w[k : k + 3 * cells : 3] for k in range(4)])
        ends = torch.stack([gamma[:-1], gamma[1:], gamma_prime[:-1] * self.width, gamma_prime[1:] * self.width])
        by_values, by_ends = (at.new_tensor(rows) for rows in (_BY_VALUES, _BY_ENDS))
        of_w = matmul(2 * by_values, values.flatten(1)).reshape(values.shape)
        of_gamma = matmul(weight * by_ends, ends)
        h = of_w - of_gamma.reshape(4, cells, *(1,) * (log_w.ndim - 1))
        self.first, b, c, d = h.unbind()
        last = h.sum(0)
        with torch.no_grad():
            self.rising, turns, tau = _turning_point(b, 2 * c, 3 * d)
            self.turn = torch.where(turns, tau, 2.0)  # none where h' keeps its sign
        self.peak = self.first + tau * (b + tau * (c + tau * d))  # the first where it does
        # R over whole cells, and from the first edge of each
        risen = torch.where(self.rising, torch.where(turns, self.peak, last) - self.first, 0.0)
        risen = torch.where(turns > self.rising, last - self.peak, risen)
        self.before = torch.cat([torch.zeros_like(last[:1]), risen.cumsum(0)])

    def __call__(self, t: Tensor, log_w: Tensor, gamma: Tensor) -> Tensor:
        """R(t) for t (B,), where log w and gamma have these values, (B, *event) or (B,), and (B,)."""
        cell = (torch.searchsorted(self.edges, t.detach().contiguous(), right=True) - 1).clamp(0, len(self.edges) - 2)
        tau = (t - self.edges[cell]) / self.width[cell]
        h = 2 * log_w - self.weight * like_event(gamma, log_w)
        rising, turn, peak, first = self.rising[cell], self.turn[cell], self.peak[cell], self.first[cell]
        past = like_event(tau, h) > turn
        base = torch.where(rising, first, peak)
        return self.before[cell] + torch.where(rising ^ past, h - base, torch.where(rising, peak - first, 0.0))


def _turning_point(b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether b + c tau + d tau^2 > 0 at tau = 0, whether it has the other sign at tau = 1, and where it is 0 if so."""
    rising = b > 0
    turns = rising != (b + c + d > 0)
    root = (c**2 - 4 * b * d).clamp(min=0).sqrt()
    below = root - torch.where(rising, c, -c)  # of the two forms of the solution, that which does not cancel
    tau = torch.where(turns, 2 * b.abs() / below.clamp(min=torch.finfo(b.dtype).tiny), 0.0)
    return rising, turns, tau.clamp(0, 1)


def thirds(schedule: Schedule, transform: Transform, like: Tensor) -> Tensor:
    """The edges of all cells and the thirds between them, (3 cells + 1,), of the type and on the device of `like`."""
    return _thirds(schedule.knots, transform.knots).to(like)


@lru_cache
def _thirds(*knots: tuple[float, ...]) -> Tensor:
    """Those of equal cells, cut at all knots, in float64."""
    every = torch.tensor(sorted({k / _CELLS for k in range(_CELLS + 1)}.union(*knots)), dtype=torch.float64)
    edges = every[every.diff(prepend=every.new_tensor([-1.0])) > _APART]
    inside = edges[:-1, None] + edges.diff()[:, None] * torch.arange(3, dtype=torch.float64) / 3
    return torch.cat([inside.flatten(), edges[-1:]])
