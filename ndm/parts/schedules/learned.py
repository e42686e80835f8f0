"""A learned monotone schedule, with learned end points."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ndm.base.ranges import check_count
from ndm.parts.schedules.learned_linear import LearnedLinearSchedule

_LEAST = 1e-3  # fraction of the straight line that always stays: gamma' > 0 wherever the logits go


class LearnedSchedule(LearnedLinearSchedule):
    """A learned monotone schedule, gamma(t) = gamma_0 + (gamma_1 - gamma_0) m(t), with a learned density m'.

    m' interpolates values p_0..p_K > 0 at t = i / K, normalised to integrate to 1, so that m is a monotone quadratic
    spline with m(0) = 0 and m(1) = 1, and gamma' is continuous and in closed form. It starts as the straight line.
    The shape decides where a finite number of steps are spent; in continuous time the bound hardly depends on it (see
    `LearnedLinearSchedule`, the one to use there).
    Source of the idea: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630.

    Args:
        gamma_min, gamma_max: the end points at the start of training.
        num_pieces: K.
    """

    def __init__(self, gamma_min: float = -13.3, gamma_max: float = 5.0, num_pieces: int = 16) -> None:
        super().__init__(gamma_min, gamma_max)
        check_count("num_pieces", num_pieces, 1)
        self.log_density = nn.Parameter(torch.zeros(num_pieces + 1))

    @property
    def knots(self) -> tuple[float, ...]:
        num_pieces = len(self.log_density) - 1
        return tuple(k / num_pieces for k in range(1, num_pieces))

    def gamma(self, t: Tensor) -> Tensor:
        return self.with_velocity(t)[0]

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        num_pieces = len(self.log_density) - 1
        values = (1 - _LEAST) * torch.softmax(self.log_density, dim=0) + _LEAST / (num_pieces + 1)
        density = values * (num_pieces / (values.sum() - (values[0] + values[-1]) / 2))  # p_i
        cumulative = functional.pad(
            ((density[1:] + density[:-1]) / (2 * num_pieces)).cumsum(0), (1, 0)
        )  # m at the knots

        scaled = t * num_pieces
        piece = scaled.detach().long().clamp(0, num_pieces - 1)
        fraction = scaled - piece
        # `take`, because the host would read an index of no dimensions
        start, left, right = cumulative.take(piece), density.take(piece), density.take(piece + 1)
        m_prime = torch.lerp(left, right, fraction)
        m = start + (left + m_prime) * (0.5 / num_pieces * fraction)
        span = self.span
        return self.gamma_0 + span * m, span * m_prime
