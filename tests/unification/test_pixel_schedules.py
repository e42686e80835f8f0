"""DDPM with a schedule for each pixel: gamma_i = gamma - 2 log w_i."""

import torch
from exact_models import assert_close, derivative
from torch import Tensor

from ndm.bounds.bound import continuous_integrand, discrete_integrand

from .common import BATCH, K, T, events, made, outputs


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
    beta, to_z_s, to_z_t = (
        1 - alpha,
        *((torch.sigmoid(own) / torch.sigmoid(gamma)).sqrt() for own, gamma in ((own_s, gamma_s), (own_t, gamma_t))),
    )
    z_t = model.marginal(model.transform.curve(x), t).sample(eps)
    assert_close(z_t, to_z_t * y_t)

    eps_theta = outputs(model, z_t, t)
    btilde = (1 - abar_s) / (1 - abar_t) * beta
    loss = beta**2 / (2 * btilde * alpha * (1 - abar_t)) * (eps - eps_theta) ** 2
    ours = discrete_integrand(model, model.transform.curve(x), K - 1, T, eps, noise, None)
    assert_close(ours / T, loss.sum(1), rtol=1e-6)

    y_s = (y_t - beta / (1 - abar_t).sqrt() * eps_theta) / alpha.sqrt() + btilde.sqrt() * noise
    step = model.reverse_kernel(z_t, model.predict(z_t, t), K - 1, T).sample(noise)
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
