"""VDM: Kingma et al. (2021), https://arxiv.org/abs/2107.00630."""

import torch
from exact_models import assert_close, derivative
from torch import Tensor

import ndm
from ndm.bounds.bound import continuous_integrand, discrete_integrand

from .common import events, made, outputs, squared


def test_vdm_discrete_bound() -> None:
    """Eq. 13: T/2 (SNR(s) - SNR(t)) |x - x^|^2; eq. 14: T/2 expm1(gamma(t) - gamma(s)) |eps - eps^|^2."""
    model, (x, eps, other) = made("vdm"), events()
    steps, step = 50, torch.tensor([0, 1, 12, 30, 48, 49])
    gamma_s, gamma_t = (model.schedule.gamma(u / steps).detach()[:, None] for u in (step, step + 1))
    alpha, sigma = torch.sigmoid(-gamma_t).sqrt(), torch.sigmoid(gamma_t).sqrt()
    z_t = alpha * x + sigma * eps
    eps_hat = outputs(model, z_t, (step + 1) / steps)
    x_hat = (z_t - sigma * eps_hat) / alpha
    ours = discrete_integrand(model, model.transform.curve(x), step, steps, eps, other, None)
    assert_close(ours, steps / 2 * torch.expm1(gamma_t - gamma_s)[:, 0] * squared(eps - eps_hat), rtol=1e-8)
    assert_close(ours, steps / 2 * (torch.exp(-gamma_s) - torch.exp(-gamma_t))[:, 0] * squared(x - x_hat), rtol=1e-8)


def test_vdm_continuous_bound() -> None:
    """Eq. 17: -1/2 SNR'(t) |x - x^|^2 = 1/2 gamma'(t) |eps - eps^|^2."""
    model, (x, eps, _) = made("vdm"), events()
    t = torch.tensor([0.03, 0.2, 0.4, 0.6, 0.8, 0.97])

    def snr(u: Tensor) -> Tensor:
        return torch.exp(-model.schedule.gamma(u).detach())

    alpha, sigma = (snr(t) / (1 + snr(t))).sqrt()[:, None], (1 / (1 + snr(t))).sqrt()[:, None]
    z_t = alpha * x + sigma * eps
    eps_hat = outputs(model, z_t, t)
    x_hat = (z_t - sigma * eps_hat) / alpha
    ours = continuous_integrand(model, model.transform.curve(x), t, eps, None)
    assert_close(ours, -0.5 * derivative(snr, t, step=1e-5) * squared(x - x_hat), rtol=1e-6)
    gamma_prime = derivative(lambda u: model.schedule.gamma(u).detach(), t, step=1e-5)
    assert_close(ours, 0.5 * gamma_prime * squared(eps - eps_hat), rtol=1e-6)


def test_vdm_sampling() -> None:
    """z_s = alpha_s / alpha_t (z_t - sigma_t c eps^) + sigma_s sqrt(c) eps, c = -expm1(gamma(s) - gamma(t))."""
    model, (z_t, eps, _) = made("vdm"), events()
    for step in range(5):
        s, t = torch.tensor(step / 5), torch.tensor((step + 1) / 5)
        gamma_s, gamma_t = model.schedule.gamma(s).detach(), model.schedule.gamma(t).detach()
        c = -torch.expm1(gamma_s - gamma_t)
        ratio = (torch.sigmoid(-gamma_s) / torch.sigmoid(-gamma_t)).sqrt()
        mean = ratio * (z_t - torch.sigmoid(gamma_t).sqrt() * c * outputs(model, z_t, t))
        expected = mean + (torch.sigmoid(gamma_s) * c).sqrt() * eps
        assert_close(ndm.samplers.Ancestral(model, 5).step(z_t, s, t, eps, None), expected, rtol=1e-8, atol=1e-10)
