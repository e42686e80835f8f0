"""DDIM: Song et al. (2020), https://arxiv.org/abs/2010.02502, whose alpha is DDPM's abar."""

import pytest
import torch
from exact_models import assert_close
from torch import Tensor

import ndm
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility

from .common import T, events, made, outputs
from .test_ddpm import Ddpm


class DdimVolatility(Volatility):
    """What the paper's eta is in ours: 1 - exp(-D) = eta^2 (1 - exp(-(gamma_t - gamma_s)))."""

    def __init__(self, eta: float) -> None:
        super().__init__()
        self.square = eta**2

    def eta(self, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return torch.full_like(t, self.square)  # the limit of small steps

    def integral(self, s: Tensor, t: Tensor, schedule: Schedule, transform: Transform) -> Tensor:
        return -torch.log1p(self.square * torch.expm1(schedule.gamma(s) - schedule.gamma(t)))


def ddim_step(eta: float, x_t: Tensor, eps_theta: Tensor, noise: Tensor, abar: Tensor, before: Tensor) -> Tensor:
    """Eq. 12, with the sigma_t(eta) of eq. 16."""
    sigma = eta * ((1 - before) / (1 - abar)).sqrt() * (1 - abar / before).sqrt()
    x_0 = (x_t - (1 - abar).sqrt() * eps_theta) / abar.sqrt()
    return before.sqrt() * x_0 + (1 - before - sigma**2).sqrt() * eps_theta + sigma * noise


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ddim_step(eta) -> None:
    """Over a sub-sequence of the times, tau = (..., 700, 800, ...)."""
    model, (x_t, noise, _) = made("ddim"), events()
    for before, t in ((100, 200), (700, 800), (999, 1000)):
        abar, abar_before = Ddpm(torch.tensor([t])).abar, Ddpm(torch.tensor([before])).abar
        s, t = torch.tensor(before / T), torch.tensor(t / T)
        expected = ddim_step(eta, x_t, outputs(model, x_t, t), noise, abar, abar_before)
        ours = model.posterior(x_t, model.predict(x_t, t), s, t, DdimVolatility(eta)).sample(noise)
        assert_close(ours, expected, rtol=1e-9)
        if eta == 0:
            assert_close(ndm.samplers.Deterministic(model).step(x_t, s, t, noise, None), expected, rtol=1e-9)
        if eta == 1:
            assert_close(ndm.samplers.Ancestral(model, eta=1.0).step(x_t, s, t, noise, None), expected, rtol=1e-8)


def test_ddims_eta_is_the_square_root_of_ours_in_small_steps() -> None:
    """D / (gamma_t - gamma_s) = eta^2 + c (gamma_t - gamma_s) + ..."""
    schedule, eta, t = made("ddim").schedule, 0.6, torch.tensor(0.5)
    errors = []
    for step in (1e-3, 5e-4):
        d = DdimVolatility(eta).integral(t - step, t, schedule, ndm.IdentityTransform())
        errors.append(d / (schedule.gamma(t) - schedule.gamma(t - step)) - eta**2)
    assert 1e-5 < abs(errors[0]) < 0.01
    assert_close(errors[1] / errors[0], 0.5, rtol=0.02)
