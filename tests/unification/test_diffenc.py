"""DiffEnc: Nielsen et al. (2023), https://arxiv.org/abs/2310.19789."""

import torch
from exact_models import assert_close
from torch import Tensor

import ndm
from ndm.bounds.bound import continuous_integrand, discrete_integrand

from .common import BATCH, events, made, outputs, squared


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
        return alpha_ts * sigma_s**2 / sigma_t**2 * z_t + alpha_s * sigma2_ts / sigma_t**2 * at_t + alpha_s * change

    mu_q, mu_p = mean(x_t, x_s - x_t), mean(x_hat, (lam_s - lam_t) * sigma_t**2 * x_hat)
    q = model.posterior(z_t, model.transform.curve(x), s, t)
    p = model.posterior(z_t, model.predict(z_t, t), s, t)
    for ours, theirs in ((q.mean, mu_q), (p.mean, mu_p), (q.std**2, variance), (p.std**2, variance)):
        assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
    kl = squared(mu_q - mu_p) / (2 * variance[:, 0])
    ours = discrete_integrand(model, model.transform.curve(x), step, steps, eps, noise, None) / steps
    assert_close(ours, kl, rtol=1e-5)
    one = ndm.samplers.Ancestral(model, steps).step(z_t, s[3], t[3], noise, None)[3]
    assert_close(one, (mu_p + variance.sqrt() * noise)[3], rtol=1e-6)
