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
_IMPROVEMENTS = 3
# The cubic through the values at tau = 0, 1/3, 2/3 and 1: its coefficients, and its slope at tau = 1.
_CUBIC = ((1.0, 0.0, 0.0, 0.0), (-5.5, 9.0, -4.5, 1.0), (9.0, -22.5, 18.0, -4.5), (-4.5, 13.5, -13.5, 4.5))
_SLOPE_AT_END = (-1.0, 4.5, -9.0, 5.5)


class Rises:
    """R(t) = integral from 0 to t of max(h', 0), for h_i = 2 log w_i - weight gamma.

    h is followed over cells of time, at whose edges the velocities of log w and gamma may jump (`knots`). Where h'
    keeps its sign, a cell's rise is the difference of h at its ends, or 0: exact. Where it changes sign, h is taken at
    the turning point, log w being a cubic of the cell; as h' = 0 there, the place itself matters little. R(t) - R(s) is
    additive whatever the cells.
    """

    def __init__(self, schedule: Schedule, transform: Transform, weight: float, like: Tensor) -> None:
        self.schedule, self.weight, self.edges = schedule, weight, edges(schedule.knots, transform.knots).to(like)
        self.width = self.edges.diff()
        inside = self.edges[:-1] + self.width * torch.arange(4).to(like)[:, None] / 3
        log_w = transform.log_scale_at(inside.reshape(-1))
        log_w = log_w.reshape(*inside.shape, *log_w.shape[1:])  # (4, cells, *event)
        self.first, last = 2 * log_w[::3] - weight * like_event(schedule.gamma(inside[::3]), log_w)
        with torch.no_grad():
            start, end = self._speeds(log_w)
            self.rising, turns = start > 0, (start > 0) != (end > 0)
            self.never = not bool((self.rising | turns).any())
        if self.never:
            return
        turn, peak = self._turning_points(log_w[:, turns], turns.nonzero()[:, 0], start[turns], end[turns])
        self.turn = torch.full_like(self.first, 2.0).index_put((turns,), turn)  # none where h' keeps its sign
        self.peak = self.first.index_put((turns,), peak)
        risen = self._within(last, torch.ones_like(last), torch.arange(len(last), device=last.device))
        self.before = torch.cat([torch.zeros_like(last[:1]), risen]).cumsum(0)

    def _speeds(self, log_w: Tensor) -> tuple[Tensor, Tensor]:
        """h' / gamma' at both ends of every cell, (cells, *event): it has the sign of h', and no steep parts."""
        gamma_prime = self.schedule.with_velocity(torch.stack([self.edges[:-1], self.edges[1:]]))[1]
        slopes = (
            sum(weight * value for weight, value in zip(row, log_w, strict=True)) for row in (_CUBIC[1], _SLOPE_AT_END)
        )
        start, end = (
            2 * slope / like_event(steep * self.width, slope) - self.weight
            for slope, steep in zip(slopes, gamma_prime, strict=True)
        )
        return start, end

    def _turning_points(self, log_w: Tensor, cell: Tensor, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """tau and h where h' / gamma' goes from `start` through 0 to `end`, in cells (n,) with log w (4, n) at the
        thirds: where a straight line does, improved by a few steps along its slope."""
        a, b, c, d = matmul(torch.tensor(_CUBIC).to(log_w), log_w)
        edge, width = self.edges[cell], self.width[cell]
        with torch.no_grad():
            tau = start / (start - end)
            for _ in range(_IMPROVEMENTS):
                slope, gamma_prime = b + tau * (2 * c + tau * 3 * d), self.schedule.with_velocity(edge + width * tau)[1]
                speed = 2 * slope / (gamma_prime * width) - self.weight
                tau = (tau + speed / (start - end)).clamp(0, 1)
        return tau, (2 * (a + tau * (b + tau * (c + tau * d))) - self.weight * self.schedule.gamma(edge + width * tau))

    def _within(self, h: Tensor, tau: Tensor, cell: Tensor) -> Tensor:
        """The rise inside cells (B,) up to tau, where h has the value `h`, each (B, *event)."""
        rising, turn, peak, first = self.rising[cell], self.turn[cell], self.peak[cell], self.first[cell]
        past = tau > turn
        base = torch.where(rising, first, peak)
        return torch.where(rising ^ past, h - base, torch.where(rising, peak - first, 0.0))

    def __call__(self, t: Tensor, log_w: Tensor) -> Tensor:
        """R(t) for t (B,), where log w has the values `log_w` (B, *event) or (B,)."""
        if self.never:
            return torch.zeros_like(log_w)
        cell = (torch.searchsorted(self.edges, t.detach().contiguous(), right=True) - 1).clamp(0, len(self.edges) - 2)
        tau = (t - self.edges[cell]) / self.width[cell]
        h = 2 * log_w - self.weight * like_event(self.schedule.gamma(t), log_w)
        return self.before[cell] + self._within(h, like_event(tau, h), cell)


@lru_cache
def edges(*knots: tuple[float, ...]) -> Tensor:
    """The edges of the cells, float64: equal ones, cut at all knots."""
    every = torch.tensor(sorted({k / _CELLS for k in range(_CELLS + 1)}.union(*knots)), dtype=torch.float64)
    return every[every.diff(prepend=every.new_tensor([-1.0])) > _APART]
