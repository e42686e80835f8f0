"""DDPM: Ho et al. (2020), https://arxiv.org/abs/2006.11239."""

import torch
from exact_models import ONE, assert_close
from torch import Tensor
from torch.distributions import Normal, kl_divergence

import ndm
from ndm.bounds.bound import discrete_integrand

from .common import K, T, events, made, outputs, squared


class Ddpm:
    """beta_t, alpha_t, abar_t and btilde_t for t = 1..1000, and abar_{t-1}; each shaped against (BATCH, 3)."""

    def __init__(self, t: Tensor) -> None:
        betas = torch.linspace(1e-4, 0.02, T)
        products = torch.cumprod(1 - betas, 0)
        self.beta, self.abar, self.abar_before = (v[:, None] for v in (betas[t - 1], products[t - 1], products[t - 2]))
        self.alpha = 1 - self.beta
        self.btilde = (1 - self.abar_before) / (1 - self.abar) * self.beta


def test_ddpm_marginal() -> None:
    """Eq. 4: q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I), for every t of the table."""
    model, t = made("ddpm"), torch.arange(2, T + 1)
    x = torch.randn(len(t), 3)
    q, paper = model.marginal(model.transform.curve(x), t / T), Ddpm(t)
    assert_close(q.mean, paper.abar.sqrt() * x)
    assert_close(q.std**2, 1 - paper.abar)
    assert_close(model.schedule(ONE / T).sigma ** 2, 1e-4, rtol=1e-9)


def test_ddpm_posterior() -> None:
    """Eq. 7: mu~ = sqrt(abar_{t-1}) beta_t / (1 - abar_t) x_0 + sqrt(alpha_t) (1 - abar_{t-1}) / (1 - abar_t) x_t."""
    model, (x, x_t, _), paper = made("ddpm"), events(), Ddpm(K)
    q = model.posterior(x_t, model.transform.curve(x), (K - 1) / T, K / T)
    assert_close(
        q.mean,
        paper.abar_before.sqrt() * paper.beta / (1 - paper.abar) * x
        + paper.alpha.sqrt() * (1 - paper.abar_before) / (1 - paper.abar) * x_t,
        rtol=1e-9,
    )
    assert_close(q.std**2, paper.btilde, rtol=1e-9)


def test_ddpm_bound() -> None:
    """Eq. 12: L_{t-1} = beta_t^2 / (2 btilde_t alpha_t (1 - abar_t)) |eps - eps_theta(x_t, t)|^2, and L_T."""
    model, (x, eps, other), paper = made("ddpm"), events(), Ddpm(K)
    x_t = paper.abar.sqrt() * x + (1 - paper.abar).sqrt() * eps
    weight = paper.beta**2 / (2 * paper.btilde * paper.alpha * (1 - paper.abar))
    expected = weight[:, 0] * squared(eps - outputs(model, x_t, K / T))
    curve = model.transform.curve(x)
    assert_close(discrete_integrand(model, curve, K - 1, T, eps, other, None) / T, expected, rtol=1e-7)

    last = Ddpm(torch.tensor([T]))
    theirs = kl_divergence(Normal(last.abar.sqrt() * x, (1 - last.abar).sqrt()), Normal(0.0, 1.0)).sum(1)
    assert_close(model.marginal(curve, ONE).kl(model.prior(x)), theirs)


def test_ddpm_sampling() -> None:
    """Algorithm 2: x_{t-1} = (x_t - beta_t / sqrt(1 - abar_t) eps_theta) / sqrt(alpha_t) + sqrt(btilde_t) z."""
    model, (x_t, z, _) = made("ddpm"), events()
    sampler = ndm.samplers.Ancestral(model, steps=T)
    for t in K:
        paper = Ddpm(t[None])
        eps_theta = outputs(model, x_t, t / T)
        mean = (x_t - paper.beta / (1 - paper.abar).sqrt() * eps_theta) / paper.alpha.sqrt()
        ours = sampler.step(x_t, (t - 1) / T, t / T, z, None)
        assert_close(ours, mean + paper.btilde.sqrt() * z, rtol=1e-8, atol=1e-9)
