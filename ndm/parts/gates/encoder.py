"""DiffEnc's gate, which opens with the variance of the noise."""

import torch
from torch import Tensor

from ndm.parts.gates.gate import ScalarGate
from ndm.parts.schedules.linear import LinearSchedule


class EncoderGate(ScalarGate):
    """DiffEnc's encoder, F = x + s N = (1 - s) x + s y with y = x + N.

    s = (sigma_t^2 - sigma_0^2) / (1 - sigma_0^2), sigma_t^2 = sigmoid(gamma(t)), gamma linear in t like the model's
    schedule. The paper has s = sigma_t^2, so that F(x, 0) = x only up to sigma_0^2. The encoders are the same: F =
    alpha_t^2 x + sigma_t^2 y' with y' = x + (s / sigma_t^2) N.
    Source: Nielsen et al., DiffEnc (2023), https://arxiv.org/abs/2310.19789.
    """

    def __init__(self, gamma_min: float = -13.3, gamma_max: float = 5.0) -> None:
        super().__init__()
        self.schedule = LinearSchedule(gamma_min, gamma_max)

    def opening(self, t: Tensor) -> tuple[Tensor, Tensor]:
        level, at_zero = self.schedule(t), self.schedule(torch.zeros_like(t))
        signal = at_zero.alpha**2  # 1 - sigma_0^2
        variance_prime = level.alpha**2 * level.sigma**2 * level.gamma_prime
        return (level.sigma**2 - at_zero.sigma**2) / signal, variance_prime / signal
