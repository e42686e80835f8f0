"""Known models are special cases: each recipe against the formulas of its paper, in the paper's own symbols.

A model is made by its recipe, as `ndm train DATA --recipe NAME` makes it, with random weights. What the paper says is
written out beside it, and shares nothing with it but the networks.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

import ndm
from ndm.bound import continuous_integrand, discrete_integrand
from ndm.data import DataSet, Split
from ndm.recipes import recipe
from ndm.schedules import Schedule
from ndm.training.build import build_model
from ndm.transforms import Transform
from ndm.volatilities import Volatility

from .models import ONE, ZERO, assert_close, derivative, perturbed, squashing_model

BATCH, T = 6, 1000
K = torch.tensor([2, 3, 250, 500, 801, 1000])  # DDPM's t, one for each example


def made(name: str, event_shape: tuple[int, ...] = (3,)) -> ndm.NeuralDiffusion:
    """The model of that recipe, with small networks and random weights."""
    x = np.random.default_rng(0).normal(size=(3, 20, *event_shape)).astype(np.float32)
    data = DataSet("data", *(Split(part) for part in x), num_levels=None, num_classes=0, source="here")
    config, network = recipe(name, data), {"network": "mlp", "width": 16, "depth": 1}
    path = config.transform_options | (network if config.transform == "residual" else {})
    config = replace(config, predictor_options=network | {"form": config.predictor_options["form"]},
                     transform_options=path)
    return perturbed(build_model(config, data), std=0.2).eval()


def events(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """x, eps and another eps, each (BATCH, *shape)."""
    x, eps, other = torch.randn(3, BATCH, *(shape or (3,)))
    return x, eps, other


def over(value: Tensor, x: Tensor) -> Tensor:
    """(BATCH,) against (BATCH, *event)."""
    return value.reshape(-1, *[1] * (x.ndim - 1))


def squared(x: Tensor) -> Tensor:
    """|x|^2 of every example."""
    return x.square().flatten(1).sum(1)


def outputs(model: ndm.NeuralDiffusion, z_t: Tensor, t: Tensor) -> Tensor:
    """What the predictor's network says."""
    return model.predictor.network(z_t, t.expand(len(z_t)), None)[:, 0]


# DDPM: Ho et al. (2020), https://arxiv.org/abs/2006.11239


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
    assert_close(q.mean, paper.abar_before.sqrt() * paper.beta / (1 - paper.abar) * x
                 + paper.alpha.sqrt() * (1 - paper.abar_before) / (1 - paper.abar) * x_t, rtol=1e-9)
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
    sampler = ndm.AncestralSampler(model, steps=T)
    for t in K:
        paper = Ddpm(t[None])
        eps_theta = outputs(model, x_t, t / T)
        mean = (x_t - paper.beta / (1 - paper.abar).sqrt() * eps_theta) / paper.alpha.sqrt()
        ours = sampler.step(x_t, (t - 1) / T, t / T, z, None)
        assert_close(ours, mean + paper.btilde.sqrt() * z, rtol=1e-8, atol=1e-9)


# DDIM: Song et al. (2020), https://arxiv.org/abs/2010.02502, whose alpha is DDPM's abar


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
            assert_close(ndm.DeterministicSampler(model).step(x_t, s, t, noise, None), expected, rtol=1e-9)
        if eta == 1:
            assert_close(ndm.AncestralSampler(model, eta=1.0).step(x_t, s, t, noise, None), expected, rtol=1e-8)


def test_ddims_eta_is_the_square_root_of_ours_in_small_steps() -> None:
    """D / (gamma_t - gamma_s) = eta^2 + c (gamma_t - gamma_s) + ..."""
    schedule, eta, t = made("ddim").schedule, 0.6, torch.tensor(0.5)
    errors = []
    for step in (1e-3, 5e-4):
        d = DdimVolatility(eta).integral(t - step, t, schedule, ndm.IdentityTransform())
        errors.append(d / (schedule.gamma(t) - schedule.gamma(t - step)) - eta**2)
    assert 1e-5 < abs(errors[0]) < 0.01
    assert_close(errors[1] / errors[0], 0.5, rtol=0.02)


# VDM: Kingma et al. (2021), https://arxiv.org/abs/2107.00630


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
        assert_close(ndm.AncestralSampler(model, 5).step(z_t, s, t, eps, None), expected, rtol=1e-8, atol=1e-10)


# Flow matching: Lipman et al. (2022), https://arxiv.org/abs/2210.02747, where time runs from noise, 0, to data, 1

SIGMA_MIN = 0.01


def conditional_flow(x: Tensor, x_1: Tensor, time: Tensor) -> Tensor:
    """Eq. 21: u_t(x | x_1) = (x_1 - (1 - sigma_min) x) / (1 - (1 - sigma_min) t)."""
    return (x_1 - (1 - SIGMA_MIN) * x) / (1 - (1 - SIGMA_MIN) * time)


def test_flow_matching_conditional_path() -> None:
    """Eq. 22: psi_t(x_0) = (1 - (1 - sigma_min) t) x_0 + t x_1, of velocity x_1 - (1 - sigma_min) x_0."""
    model, (x_1, x_0, _) = made("flow_matching"), events()
    time = torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    curve = model.transform.curve(x_1)
    psi = model.marginal(curve, 1 - time).sample(x_0)
    assert_close(psi, (1 - (1 - SIGMA_MIN) * time)[:, None] * x_0 + time[:, None] * x_1, atol=1e-9)
    velocity = -model.velocity(psi, curve, 1 - time)
    assert_close(velocity, x_1 - (1 - SIGMA_MIN) * x_0, rtol=1e-8, atol=1e-9)
    assert_close(velocity, conditional_flow(psi, x_1, time[:, None]), rtol=1e-8, atol=1e-9)


def test_flow_matching_marginal_velocity() -> None:
    """Eq. 8: u_t(x) = sum over data of u_t(x | x_1) p_t(x | x_1) / p_t(x), for data of four points, all known."""
    points, z = torch.randn(4, 3), torch.randn(BATCH, 3)

    def weights(x: Tensor, time: Tensor) -> Tensor:
        means, std = time[:, None, None] * points, (1 - (1 - SIGMA_MIN) * time)[:, None, None]
        return torch.softmax(Normal(means, std).log_prob(x[:, None]).sum(-1), 1)

    def denoise(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return weights(z_t, 1 - t) @ points

    model = squashing_model(schedule=made("flow_matching").schedule)
    model.predictor.function = denoise
    time = torch.tensor([0.0, 0.1, 0.4, 0.7, 0.9, 0.97])
    conditional = conditional_flow(z[:, None], points, time[:, None, None])
    expected = (weights(z, time)[..., None] * conditional).sum(1)
    assert_close(-model.velocity(z, model.predict(z, 1 - time), 1 - time), expected, rtol=1e-7)


def test_flow_matching_is_a_network_of_the_velocity() -> None:
    """Any field u(x, t) is our ODE's, by x^ = (1 - sigma_min) z + (1 - (1 - sigma_min) t) u, and x^ has a field."""
    def field(x: Tensor, time: Tensor) -> Tensor:
        return torch.tanh(2 * x.roll(1, -1) - time[:, None])

    def denoise(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return (1 - SIGMA_MIN) * z_t + (1 - (1 - SIGMA_MIN) * (1 - t))[:, None] * field(z_t, 1 - t)

    model, z, time = squashing_model(schedule=ndm.FlowSchedule(SIGMA_MIN)), torch.randn(BATCH, 3), torch.rand(BATCH)
    model.predictor.function = denoise
    assert_close(-model.velocity(z, model.predict(z, 1 - time), 1 - time), field(z, time), rtol=1e-8)

    model = made("flow_matching")
    x_hat = model.predict(z, 1 - time)(ZERO)
    expected = conditional_flow(z, x_hat, time[:, None])
    assert_close(-model.velocity(z, model.predict(z, 1 - time), 1 - time), expected, rtol=1e-8)


def test_flow_matching_sampling_is_eulers_method() -> None:
    """x_{t+h} = x_t + h u_t(x_t), from the noise on."""
    model, z = made("flow_matching"), torch.randn(BATCH, 3)
    for time, h in ((0.0, 0.25), (0.25, 0.25), (0.5, 0.3), (0.9, 0.1)):
        t, s = torch.tensor(1 - time), torch.tensor(1 - time - h)
        field = conditional_flow(z, model.predict(z, t)(ZERO), torch.tensor(time))
        assert_close(ndm.DeterministicSampler(model).step(z, s, t, z, None), z + h * field, rtol=1e-8, atol=1e-10)


# Blurring diffusion: Hoogeboom, Salimans (2022), https://arxiv.org/abs/2209.05557, as in its appendix A

IMAGE = (1, 4, 6)


def dct(x: Tensor) -> Tensor:
    return torch.from_numpy(scipy.fft.dctn(x.numpy(), axes=(-2, -1), norm="ortho"))


def idct(u: Tensor) -> Tensor:
    return torch.from_numpy(scipy.fft.idctn(u.numpy(), axes=(-2, -1), norm="ortho"))


def blurring_alpha_sigma(t: Tensor, sigma_blur_max: float = 20.0, min_scale: float = 1e-3) -> tuple[Tensor, Tensor]:
    """alpha for each frequency (*t.shape, H, W), and sigma (*t.shape, 1, 1)."""
    t = t[..., None, None]
    dissipation_time = (sigma_blur_max * torch.sin(t * math.pi / 2) ** 2) ** 2 / 2
    height, width = IMAGE[1:]
    labda = ((math.pi * torch.arange(height) / height) ** 2)[:, None] + (math.pi * torch.arange(width) / width) ** 2
    scaling = torch.exp(-labda * dissipation_time) * (1 - min_scale) + min_scale
    limit_max, limit_min = math.atan(math.exp(-5)), math.atan(math.exp(5))  # logsnr from 10 to -10
    logsnr = -2 * torch.log(torch.tan((limit_min - limit_max) * t + limit_max))
    return torch.sigmoid(logsnr).sqrt() * scaling, torch.sigmoid(-logsnr).sqrt()


def test_blurring_marginal() -> None:
    """q(u_t | u_x) = N(alpha_t u_x, sigma_t^2 I) in the frequencies u = DCT x."""
    model, (x, eps, _) = made("blurring", IMAGE), events(*IMAGE)
    t = torch.tensor([0.0, 0.05, 0.2, 0.5, 0.8, 1.0])
    alpha, sigma = (v[:, None] for v in blurring_alpha_sigma(t))
    z_t = model.marginal(model.transform.curve(x), t).sample(eps)
    assert_close(dct(z_t), alpha * dct(x) + sigma * dct(eps), rtol=1e-8)


def test_blurring_velocity() -> None:
    """dF/dt by differences of the paper's scaling; none at t = 0, and none left at t = 1."""
    model, (x, _, _) = made("blurring", IMAGE), events(*IMAGE)
    t = torch.tensor([0.01, 0.1, 0.3, 0.5, 0.7, 0.99])

    def scaling(u: Tensor) -> Tensor:
        alpha, sigma = blurring_alpha_sigma(u)
        return (alpha / (1 - sigma**2).sqrt())[:, None]

    _, velocity = model.transform.curve(x).with_velocity(t)
    assert_close(velocity, idct(derivative(scaling, t) * dct(x)), rtol=1e-6, atol=1e-9)
    for end in (ZERO, ONE):
        assert_close(model.transform.curve(x).with_velocity(end)[1], 0.0, atol=1e-12)


def test_blurring_denoising_step() -> None:
    """The paper's denoise(z_t, t), whose network says hat_eps; ours says x^, of which hat_eps is the same."""
    model, (z_t, noise, _), steps = made("blurring", IMAGE), events(*IMAGE), 20
    for step in range(steps):
        s, t = torch.tensor(step / steps), torch.tensor((step + 1) / steps)
        (alpha_s, sigma_s), (alpha_t, sigma_t) = blurring_alpha_sigma(s), blurring_alpha_sigma(t)
        u_hat = dct(model.predict(z_t, t)(ZERO).detach())
        hat_eps = (dct(z_t) - alpha_t * u_hat) / sigma_t
        alpha_ts = alpha_t / alpha_s
        sigma2_ts = sigma_t**2 - alpha_ts**2 * sigma_s**2
        sigma2_denoise = 1 / (1 / sigma_s**2 + alpha_ts**2 / sigma2_ts)
        assert (sigma2_ts > 0).all()  # the process is Markov
        mean = (alpha_ts * sigma2_denoise / sigma2_ts * dct(z_t)
                + sigma2_denoise / alpha_ts / sigma_s**2 * (dct(z_t) - sigma_t * hat_eps))
        expected = idct(mean + sigma2_denoise.sqrt() * noise)
        ours = ndm.AncestralSampler(model, steps).step(z_t, s, t, noise, None).detach()
        assert_close(ours, expected, rtol=1e-6, atol=1e-8)


def test_blurring_bound() -> None:
    """A VDM for each frequency: 1/2 sum_i (SNR_i(s) - SNR_i(t)) (u_x - u_x^)_i^2, SNR_i = alpha_i^2 / sigma^2."""
    model, (x, eps, other), steps = made("blurring", IMAGE), events(*IMAGE), 50
    step = torch.tensor([0, 1, 12, 30, 48, 49])
    (alpha_s, sigma_s), (alpha, sigma) = (blurring_alpha_sigma(u / steps) for u in (step, step + 1))
    z_t = idct(alpha[:, None] * dct(x)) + sigma[:, None] * eps
    u = dct(x) - dct(model.predict(z_t, (step + 1) / steps)(ZERO).detach())
    expected = 0.5 * ((alpha_s / sigma_s) ** 2 - (alpha / sigma) ** 2)[:, None] * u**2
    ours = discrete_integrand(model, model.transform.curve(x), step, steps, eps, other, None)
    assert_close(ours / steps, expected.sum((1, 2, 3)), rtol=1e-7)


def test_blurring_is_heat() -> None:
    """F(x, t) solves dF/dtau = Laplacian F: exact for a cosine, which is an eigenvector, and blur by a Gaussian."""
    transform = ndm.BlurringTransform((1, 1, 64), sigma_blur_max=3.0, d_min=1e-9)
    impulse = torch.zeros(1, 1, 1, 64)
    impulse[..., 32] = 1
    blurred = transform(impulse, ONE)[0, 0, 0]
    distance = torch.arange(64) - 32.0
    gaussian = torch.exp(-distance**2 / 18) / (3 * math.sqrt(2 * math.pi))
    assert_close(blurred, gaussian, rtol=0, atol=1e-5)


# DiffEnc: Nielsen et al. (2023), https://arxiv.org/abs/2310.19789


class DiffEnc:
    """alpha, sigma and lambda of a log-SNR that is linear in t, and the encoder of x with its derivative in lambda."""

    def __init__(self, model: ndm.NeuralDiffusion, x: Tensor) -> None:
        self.model, self.x = model, x
        self.highest, self.lowest = 13.3, -5.0

    def at(self, lam: Tensor) -> tuple[Tensor, Tensor]:
        return torch.sigmoid(lam).sqrt(), torch.sigmoid(-lam).sqrt()

    def lam(self, t: Tensor) -> Tensor:
        return self.highest + (self.lowest - self.highest) * t[:, None]

    def y(self, lam: Tensor) -> Tensor:
        """y_phi(x, lambda), of the network N: the paper's encoder up to its value at the least noise."""
        t = (lam - self.highest) / (self.lowest - self.highest)
        least, sigma = torch.sigmoid(torch.tensor(-self.highest)), self.at(lam)[1]
        gate = (sigma**2 - least) / (1 - least)
        return self.x + gate / sigma**2 * self.model.transform.network(self.x, t[:, 0], None)[:, 0]

    def encode(self, lam: Tensor) -> Tensor:
        """x_phi(lambda) = x - sigma^2 x + sigma^2 y_phi(x, lambda)."""
        sigma = self.at(lam)[1]
        return self.x - sigma**2 * self.x + sigma**2 * self.y(lam)


def test_diffenc_encoder() -> None:
    model, (x, _, _), t = made("diffenc"), events(), torch.tensor([0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
    paper = DiffEnc(model, x)
    assert_close(model.transform(x, t), paper.encode(paper.lam(t)), rtol=1e-8)
    assert torch.equal(model.transform(x, torch.zeros(BATCH)), x)


def test_diffenc_continuous_loss() -> None:
    """-1/2 lambda' alpha^2 | v - v^ + sigma (x^ - x_phi + y_phi - dy_phi/dlambda) |^2, the loss of v-prediction."""
    model, (x, eps, _), t = made("diffenc"), events(), torch.tensor([0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
    paper = DiffEnc(model, x)
    lam = paper.lam(t)
    alpha, sigma = paper.at(lam)
    x_phi = paper.encode(lam)
    y, y_prime = torch.func.jvp(paper.y, (lam,), (torch.ones_like(lam),))
    z_t, v = alpha * x_phi + sigma * eps, alpha * eps - sigma * x_phi
    v_hat = outputs(model, z_t, t)
    x_hat = alpha * z_t - sigma * v_hat
    loss = 0.5 * (13.3 + 5.0) * alpha[:, 0] ** 2 * squared(v - v_hat + sigma * (x_hat - x_phi + y - y_prime))
    assert_close(continuous_integrand(model, model.transform.curve(x), t, eps, None), loss, rtol=1e-6)


def test_diffenc_discrete_loss_and_sampling() -> None:
    """mu_Q, mu_P and sigma_Q^2 of a step, and their KL: mu_P takes x_s - x_t for (lambda_s - lambda_t) sigma_t^2 x^."""
    model, (x, eps, noise), steps = made("diffenc"), events(), 20
    step = torch.tensor([0, 1, 5, 10, 18, 19])
    s, t = step / steps, (step + 1) / steps
    paper = DiffEnc(model, x)
    lam_s, lam_t = paper.lam(s), paper.lam(t)
    (alpha_s, sigma_s), (alpha_t, sigma_t) = paper.at(lam_s), paper.at(lam_t)
    alpha_ts = alpha_t / alpha_s
    sigma2_ts = sigma_t**2 - alpha_ts**2 * sigma_s**2
    variance = sigma2_ts * sigma_s**2 / sigma_t**2
    x_s, x_t = paper.encode(lam_s), paper.encode(lam_t)
    z_t = alpha_t * x_t + sigma_t * eps
    x_hat = alpha_t * z_t - sigma_t * outputs(model, z_t, t)

    def mean(at_t: Tensor, change: Tensor) -> Tensor:
        return (alpha_ts * sigma_s**2 / sigma_t**2 * z_t + alpha_s * sigma2_ts / sigma_t**2 * at_t + alpha_s * change)

    mu_q, mu_p = mean(x_t, x_s - x_t), mean(x_hat, (lam_s - lam_t) * sigma_t**2 * x_hat)
    q = model.posterior(z_t, model.transform.curve(x), s, t)
    p = model.posterior(z_t, model.predict(z_t, t), s, t)
    for ours, theirs in ((q.mean, mu_q), (p.mean, mu_p), (q.std**2, variance), (p.std**2, variance)):
        assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
    kl = squared(mu_q - mu_p) / (2 * variance[:, 0])
    ours = discrete_integrand(model, model.transform.curve(x), step, steps, eps, noise, None) / steps
    assert_close(ours, kl, rtol=1e-5)
    one = ndm.AncestralSampler(model, steps).step(z_t, s[3], t[3], noise, None)[3]
    assert_close(one, (mu_p + variance.sqrt() * noise)[3], rtol=1e-6)


# DDPM with a schedule for each pixel: gamma_i = gamma - 2 log w_i


def test_pixel_schedules_bound_and_sampling() -> None:
    """DDPM pixel by pixel, in the variance-preserving latent y_i of noise level gamma_i: z_i = y_i sigma / sigma_i."""
    model, (x, eps, noise) = made("pixel_schedules"), events()
    s, t = (K - 1) / T, K / T

    def level(u: Tensor) -> tuple[Tensor, Tensor]:
        """gamma_i, and the schedule's own gamma, (BATCH, 1)."""
        w, gamma = model.transform(torch.ones(BATCH, 3), u).detach(), model.schedule.gamma(u)[:, None]
        return gamma - 2 * torch.log(w), gamma

    (gamma_s, own_s), (gamma_t, own_t) = level(s), level(t)
    assert (gamma_t[:, 0] != gamma_t[:, 1]).all() and (gamma_t > gamma_s).all()
    abar_s, abar_t = torch.sigmoid(-gamma_s), torch.sigmoid(-gamma_t)
    alpha, y_t = abar_t / abar_s, abar_t.sqrt() * x + (1 - abar_t).sqrt() * eps
    beta, to_z_s, to_z_t = 1 - alpha, *((torch.sigmoid(own) / torch.sigmoid(gamma)).sqrt()
                                        for own, gamma in ((own_s, gamma_s), (own_t, gamma_t)))
    z_t = model.marginal(model.transform.curve(x), t).sample(eps)
    assert_close(z_t, to_z_t * y_t)

    eps_theta = outputs(model, z_t, t)
    btilde = (1 - abar_s) / (1 - abar_t) * beta
    loss = beta**2 / (2 * btilde * alpha * (1 - abar_t)) * (eps - eps_theta) ** 2
    ours = discrete_integrand(model, model.transform.curve(x), K - 1, T, eps, noise, None)
    assert_close(ours / T, loss.sum(1), rtol=1e-6)

    y_s = (y_t - beta / (1 - abar_t).sqrt() * eps_theta) / alpha.sqrt() + btilde.sqrt() * noise
    step = model.reverse(z_t, model.predict(z_t, t), K - 1, T).sample(noise)
    assert_close(step, to_z_s * y_s, rtol=1e-7, atol=1e-9)


def test_pixel_schedules_continuous_bound() -> None:
    """VDM pixel by pixel: 1/2 sum_i gamma_i' |eps - eps^|_i^2."""
    model, (x, eps, _) = made("pixel_schedules"), events()
    t = torch.tensor([0.05, 0.2, 0.4, 0.6, 0.8, 0.97])

    def gamma(u: Tensor) -> Tensor:
        w = model.transform(torch.ones(BATCH, 3), u).detach()
        return model.schedule.gamma(u)[:, None] - 2 * torch.log(w)

    z_t = model.marginal(model.transform.curve(x), t).sample(eps)
    expected = 0.5 * derivative(gamma, t) * (eps - outputs(model, z_t, t)) ** 2
    ours = continuous_integrand(model, model.transform.curve(x), t, eps, None)
    assert_close(ours, expected.sum(1), rtol=1e-6)


# NDM: Bartosh, Vetrov, Naesseth (2024), https://arxiv.org/abs/2310.08337


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
    mean = (paper.alpha(s) * paper.f(x, s)
            + (paper.sigma(s)**2 - tilde).sqrt() / paper.sigma(t) * (z_t - paper.alpha(t) * paper.f(x, t)))
    assert_close(posterior.mean, mean, rtol=1e-8)
    assert_close(posterior.std**2, tilde, rtol=1e-8)


def sigma_tilde_squared(paper: Ndm, s: Tensor, t: Tensor) -> Tensor:
    """(sigma_t^2 - alpha_t^2 / alpha_s^2 sigma_s^2) sigma_s^2 / sigma_t^2."""
    ratio = paper.alpha(t) / paper.alpha(s)
    return (paper.sigma(t)**2 - ratio**2 * paper.sigma(s)**2) * paper.sigma(s)**2 / paper.sigma(t)**2


def test_ndm_discrete_objective() -> None:
    """1 / (2 sigma~^2) | alpha_s (F(x, s) - F(x^, s)) + c alpha_t (F(x^, t) - F(x, t)) |^2,

    with c = sqrt(sigma_s^2 - sigma~^2) / sigma_t.
    """
    model, (x, eps, other), steps = made("ndm"), events(), 20
    paper, step = Ndm(model), torch.tensor([0, 1, 5, 10, 18, 19])
    s, t = step / steps, (step + 1) / steps
    x_hat = paper.x_hat(paper.alpha(t) * paper.f(x, t) + paper.sigma(t) * eps, t)
    tilde = sigma_tilde_squared(paper, s, t)
    difference = (paper.alpha(s) * (paper.f(x, s) - paper.f(x_hat, s))
                  + (paper.sigma(s)**2 - tilde).sqrt() / paper.sigma(t) * paper.alpha(t)
                  * (paper.f(x_hat, t) - paper.f(x, t)))
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
