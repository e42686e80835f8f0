"""Smooth steps at learned times."""

import math

import torch
from torch import Tensor, nn

from ndm.parts.time_functions.time_functions import TimeFunctions


class Sigmoids(TimeFunctions):
    """Smooth steps at learned times, b_k(t) = s((t - c_k) / w_k) - s(-c_k / w_k), s the logistic sigmoid.

    Where gamma is linear in t they are sigmoids of gamma. They start at c_k = (k - 1/2) / K, with w_k = 1 / (4 K).
    """

    def __init__(self, num: int) -> None:
        super().__init__(num)
        self.centres = nn.Parameter((torch.arange(num) + 0.5) / num)
        self.log_widths = nn.Parameter(torch.full((num,), -math.log(4 * num)))

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        widths = self.log_widths.exp()
        at_zero, at_t = torch.sigmoid(-self.centres / widths), torch.sigmoid((t[..., None] - self.centres) / widths)
        return at_t - at_zero, at_t * (1 - at_t) / widths
