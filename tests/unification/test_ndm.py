"""NDM: Bartosh, Vetrov, Naesseth (2024), https://arxiv.org/abs/2310.08337."""

import torch
from exact_models import assert_close
from torch import Tensor

import ndm
from ndm.bounds.bound import continuous_integrand, discrete_integrand

from .common import BATCH, events, made, outputs, squared


class Ndm:
    """alpha_t, sigma_t of a log-SNR that is linear in t, and F_phi(x, t) = (1 - t) x + t Fbar_phi(x, t)."""

    def __init__(self, model: ndm.NeuralDiffusion) -> None:
        self.model = model

    def alpha(self, t: Tensor) -> Tensor:
        return torch.sigmoid(13.3 - 18.3 * t)[:, None].sqrt()

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sigmoid(-13.3 + 18.3 * t)[:, None].sqrt()

    def f(self, x: Tensor, t: Tensor) -> Tensor:
        transform = self.model.transform
        bar = transform.gate.keep * x + transform.network(x, t, None)[:, 0]
        return (1 - t)[:, None] * x + t[:, None] * bar

    def x_hat(self, z_t: Tensor, t: Tensor) -> Tensor:
        """x_theta(z_t, t): for data of unit variance and alpha^2 + sigma^2 = 1 the network's output is -v."""
        return self.alpha(t) * z_t + self.sigma(t) * outputs(self.model, z_t, t)


def test_ndm_process() -> None:
    """q(z_t | x) = N(alpha_t F, sigma_t^2); q(z_s | z_t, x) with DDPM's sigma~^2, a free choice of the paper's."""
    model, (x, z_t, _) = made("ndm"), events()
    paper, s, t = Ndm(model), torch.rand(BATCH) / 2, 0.5 + torch.rand(BATCH) / 2
    curve = model.transform.curve(x)
    marginal, posterior = model.marginal(curve, t), model.posterior(z_t, curve, s, t)
    assert_close(marginal.mean, paper.alpha(t) * paper.f(x, t))
    assert_close(marginal.std, paper.sigma(t))
    tilde = sigma_tilde_squared(paper, s, t)
    mean = paper.alpha(s) * paper.f(x, s) + (paper.sigma(s) ** 2 - tilde).sqrt() / paper.sigma(t) * (
        z_t - paper.alpha(t) * paper.f(x, t)
    )
    assert_close(posterior.mean, mean, rtol=1e-8)
    assert_close(posterior.std**2, tilde, rtol=1e-8)


def sigma_tilde_squared(paper: Ndm, s: Tensor, t: Tensor) -> Tensor:
    """(sigma_t^2 - alpha_t^2 / alpha_s^2 sigma_s^2) sigma_s^2 / sigma_t^2."""
    ratio = paper.alpha(t) / paper.alpha(s)
    return (paper.sigma(t) ** 2 - ratio**2 * paper.sigma(s) ** 2) * paper.sigma(s) ** 2 / paper.sigma(t) ** 2


def test_ndm_discrete_objective() -> None:
    """1 / (2 sigma~^2) | alpha_s (F(x, s) - F(x^, s)) + c alpha_t (F(x^, t) - F(x, t)) |^2,

    with c = sqrt(sigma_s^2 - sigma~^2) / sigma_t.
    """
    model, (x, eps, other), steps = made("ndm"), events(), 20
    paper, step = Ndm(model), torch.tensor([0, 1, 5, 10, 18, 19])
    s, t = step / steps, (step + 1) / steps
    x_hat = paper.x_hat(paper.alpha(t) * paper.f(x, t) + paper.sigma(t) * eps, t)
    tilde = sigma_tilde_squared(paper, s, t)
    difference = paper.alpha(s) * (paper.f(x, s) - paper.f(x_hat, s)) + (
        paper.sigma(s) ** 2 - tilde
    ).sqrt() / paper.sigma(t) * paper.alpha(t) * (paper.f(x_hat, t) - paper.f(x, t))
    expected = squared(difference) / (2 * tilde[:, 0])
    ours = discrete_integrand(model, model.transform.curve(x), step, steps, eps, other, None) / steps
    assert_close(ours, expected, rtol=1e-5)


def test_ndm_continuous_objective() -> None:
    """1 / (2 g^2) |drift of q - drift of p|^2, g^2 = d sigma^2 / dt - 2 (alpha' / alpha) sigma^2, by torch.func.jvp.

    drift(x) = d/dt [alpha_t F(x, t)] + (sigma' / sigma + g^2 / (2 sigma^2)) (z_t - alpha_t F(x, t)).
    """
    model, (x, eps, _), t = made("ndm"), events(), torch.tensor([0.05, 0.1, 0.3, 0.5, 0.8, 0.95])
    paper, ones = Ndm(model), torch.ones(BATCH)
    alpha, alpha_prime = torch.func.jvp(paper.alpha, (t,), (ones,))
    sigma, sigma_prime = torch.func.jvp(paper.sigma, (t,), (ones,))
    g_squared = 2 * sigma * sigma_prime - 2 * alpha_prime / alpha * sigma**2
    z_t = alpha * paper.f(x, t) + sigma * eps

    def drift(data: Tensor) -> Tensor:
        mean, mean_prime = torch.func.jvp(lambda u: paper.alpha(u) * paper.f(data, u), (t,), (ones,))
        return mean_prime + (sigma_prime / sigma + g_squared / (2 * sigma**2)) * (z_t - mean)

    expected = squared(drift(x) - drift(paper.x_hat(z_t, t))) / (2 * g_squared[:, 0])
    assert_close(continuous_integrand(model, model.transform.curve(x), t, eps, None), expected, rtol=1e-6)
