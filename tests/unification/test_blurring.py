"""Blurring diffusion: Hoogeboom, Salimans (2022), https://arxiv.org/abs/2209.05557, as in its appendix A."""

import math

import scipy.fft
import torch
from exact_models import ONE, ZERO, assert_close, derivative
from torch import Tensor

import ndm
from ndm.bounds.bound import discrete_integrand

from .common import events, made

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
        mean = alpha_ts * sigma2_denoise / sigma2_ts * dct(z_t) + sigma2_denoise / alpha_ts / sigma_s**2 * (
            dct(z_t) - sigma_t * hat_eps
        )
        expected = idct(mean + sigma2_denoise.sqrt() * noise)
        ours = ndm.samplers.Ancestral(model, steps).step(z_t, s, t, noise, None).detach()
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
    transform = ndm.transforms.BlurringTransform((1, 1, 64), sigma_blur_max=3.0, d_min=1e-9)
    impulse = torch.zeros(1, 1, 1, 64)
    impulse[..., 32] = 1
    blurred = transform(impulse, ONE)[0, 0, 0]
    distance = torch.arange(64) - 32.0
    gaussian = torch.exp(-(distance**2) / 18) / (3 * math.sqrt(2 * math.pi))
    assert_close(blurred, gaussian, rtol=0, atol=1e-5)
