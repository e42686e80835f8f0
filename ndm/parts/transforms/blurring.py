"""Blurring: the heat equation as a path of the data."""

import math

import torch
from torch import Tensor

from ndm.base.ranges import check_number, check_shape
from ndm.parts.transforms._diagonal import DiagonalTransform
from ndm.process.bases import CosineBasis


class BlurringTransform(DiagonalTransform):
    """Heat dissipation, F(x, t) = B^T diag(w(t)) B x with the DCT B.

    w_i(t) = (1 - d_min) exp(-lambda_i tau_t) + d_min, lambda_i are the frequencies of `CosineBasis`, tau_t = sigma_t^2
    / 2 the time of the heat equation that blurs with the width sigma_t = sigma_blur_max sin^2(pi t / 2), in pixels, and
    d_min the least that is left of a frequency. With the Markov volatility the process is the paper's. Events of one
    axis are signals, blurred along it.
    Source: Hoogeboom, Salimans, Blurring Diffusion Models (2022), https://arxiv.org/abs/2209.05557, section 4.

    Args:
        event_shape: shape of one example.
        sigma_blur_max: width of the blur at t = 1.
        d_min: scale that every frequency keeps.
    """

    def __init__(self, event_shape: tuple[int, ...], sigma_blur_max: float = 20.0, d_min: float = 1e-3) -> None:
        super().__init__()
        check_number("sigma_blur_max", sigma_blur_max, least=0)
        check_number("d_min", d_min, above=0, most=1, advice="a frequency of no scale at all has no inverse")
        self.sigma_blur_max, self.d_min = sigma_blur_max, d_min
        self.event_shape = check_shape(event_shape)
        self.basis: CosineBasis = CosineBasis(*(1, *event_shape)[-2:])

    @property
    def frequencies(self) -> Tensor:
        """Return lambda_i, (*event), in the precision and on the device that the basis has now."""
        return self.basis.frequencies().reshape(self.event_shape[-2:]).expand(self.event_shape)

    def log_scale_with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        frequencies = self.frequencies
        t = t.reshape(t.shape + (1,) * frequencies.ndim)
        sine, cosine = torch.sin(math.pi / 2 * t), torch.cos(math.pi / 2 * t)
        tau = (self.sigma_blur_max * sine**2) ** 2 / 2
        tau_prime = math.pi * self.sigma_blur_max**2 * sine**3 * cosine
        left = (1 - self.d_min) * torch.exp(-frequencies * tau)
        w = left + self.d_min
        return w.log(), -frequencies * tau_prime * left / w
