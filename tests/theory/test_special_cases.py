"""F = identity is the literature: VDM's losses, DDPM's posterior, DDIM's and flow matching's steps."""

import pytest
import torch
from torch import Tensor

import ndm
from ndm.bound import continuous_integrand, discrete_integrand
from ndm.schedules import Schedule
from ndm.volatilities import Volatility

from .models import ONE, assert_close, derivative, squashing_model

T = 1000


class BetaSchedule(Schedule):
    """DDPM's table: beta_k from 1e-4 to 0.02, abar_k = prod (1 - beta), at the times k / T."""

    def __init__(self) -> None:
        super().__init__()
        self.betas = torch.linspace(1e-4, 0.02, T)
        self.abar = torch.cumprod(1 - self.betas, 0)

    def gamma(self, t: Tensor) -> Tensor:
        abar = self.abar[(t * T).round().long() - 1]
        return torch.log((1 - abar) / abar)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(6, 2, 3), torch.randn(6, 2, 3), torch.tensor([0, 3, 250, 499, 800, 999])


def test_vdm_losses(batch) -> None:
    """VDM eq. 13: T/2 (SNR(s) - SNR(t)) |x - x^|^2; eq. 17: -1/2 SNR'(t) |x - x^|^2."""
    x, noise, step = batch
    schedule = ndm.CosineSchedule()
    model = squashing_model(schedule=schedule)

    def snr(t: Tensor) -> Tensor:
        return (schedule(t).alpha / schedule(t).sigma) ** 2

    s, t = step / T, (step + 1) / T
    z_t = schedule(t).alpha[:, None, None] * x + schedule(t).sigma[:, None, None] * noise
    error = (x - model.predictor.function(z_t, t, None)).square().sum((1, 2))
    discrete = discrete_integrand(model, model.curve(x), step, T, noise, noise, None)
    assert_close(discrete, T / 2 * (snr(s) - snr(t)) * error)

    t = t.clamp(max=0.99)
    z_t = schedule(t).alpha[:, None, None] * x + schedule(t).sigma[:, None, None] * noise
    error = (x - model.predictor.function(z_t, t, None)).square().sum((1, 2))
    continuous = continuous_integrand(model, model.curve(x), t, noise, None)
    assert_close(continuous, -0.5 * derivative(snr, t, step=1e-5) * error, rtol=1e-6)


def test_ddpm_posterior(batch) -> None:
    """DDPM eq. 7: mu~ = sqrt(abar_s) beta / (1 - abar_t) x + sqrt(1 - beta) (1 - abar_s) / (1 - abar_t) z_t,
    beta~ = (1 - abar_s) / (1 - abar_t) beta.
    """
    x, z_t, step = batch
    k = step.clamp(min=1)  # DDPM has no noise at k = 0
    schedule = BetaSchedule()
    model = squashing_model(schedule=schedule)
    q = model.posterior(z_t, model.curve(x), k / T, (k + 1) / T)
    beta, abar_s, abar_t = (v.reshape(-1, 1, 1) for v in (schedule.betas[k], schedule.abar[k - 1], schedule.abar[k]))
    mean = (abar_s.sqrt() * beta / (1 - abar_t) * x
            + (1 - beta).sqrt() * (1 - abar_s) / (1 - abar_t) * z_t)
    assert_close(q.mean, mean)
    assert_close(q.std**2, (1 - abar_s) / (1 - abar_t) * beta)


def test_ddim_step(batch) -> None:
    """DDIM eq. 12 at sigma = 0: z_s = sqrt(abar_s) x^ + sqrt(1 - abar_s) eps^, eps^ = (z_t - sqrt(abar_t) x^) / ..."""
    x_hat, z_t, _ = batch
    schedule = ndm.LinearSchedule()
    model = squashing_model(schedule=schedule, volatility=ndm.ConstantVolatility(0.0))
    s, t = torch.rand(6) * 0.5, 0.5 + torch.rand(6) * 0.5
    abar_s, abar_t = (torch.sigmoid(-schedule.gamma(u)).reshape(-1, 1, 1) for u in (s, t))
    eps_hat = (z_t - abar_t.sqrt() * x_hat) / (1 - abar_t).sqrt()
    step = model.posterior(z_t, model.curve(x_hat), s, t)
    assert_close(step.mean, abar_s.sqrt() * x_hat + (1 - abar_s).sqrt() * eps_hat)
    assert torch.equal(step.std, torch.zeros_like(step.std))


def test_flow_matching_is_eulers_method(batch) -> None:
    """With alpha = 1 - t and eta = 0 a step is z_t - (t - s) u, u = (1 - sigma_min) eps^ - x^, from t = 1 on."""
    x_hat, z_t, _ = batch
    model = squashing_model(schedule=ndm.FlowSchedule(sigma_min=0.02), volatility=ndm.ConstantVolatility(0.0))
    s, t = torch.rand(6) * 0.5, torch.linspace(0.5, 1, 6)
    sigma_t = (0.02 + 0.98 * t)[:, None, None]
    eps_hat = (z_t - (1 - t)[:, None, None] * x_hat) / sigma_t
    euler = z_t - (t - s)[:, None, None] * (0.98 * eps_hat - x_hat)
    assert_close(model.posterior(z_t, model.curve(x_hat), s, t).mean, euler)


def test_prior_term(batch) -> None:
    """KL(N(alpha_1 x, sigma_1^2 I) || N(0, I)) by torch.distributions."""
    x, _, _ = batch
    model = squashing_model(schedule=ndm.LinearSchedule(-5.0, 1.0))
    level = model.schedule(ONE)
    ours = model.marginal(model.curve(x), ONE).kl(model.prior(x))
    theirs = torch.distributions.kl_divergence(torch.distributions.Normal(level.alpha * x, level.sigma),
                                               torch.distributions.Normal(0.0, 1.0))
    assert_close(ours, theirs.sum((1, 2)))


class MatchedSchedule(Schedule):
    """gt = gamma - 2 log m(t): the noise schedule that F = m(t) x amounts to."""

    def __init__(self, schedule: Schedule, transform: ndm.ScalingTransform) -> None:
        super().__init__()
        self.schedule, self.transform = schedule, transform

    def gamma(self, t: Tensor) -> Tensor:
        log_m, _ = self.transform.log_scale_with_velocity(t)
        return self.schedule.gamma(t) - 2 * log_m[..., 0]


@pytest.mark.parametrize("timesteps", [None, 7])
def test_scaling_is_a_change_of_schedule(timesteps) -> None:
    """Identity 2: F = m(t) x with eta = gt' / gamma' has the L_diff of VDM with gt = gamma - 2 log m.

    Example by example: the latents differ by a factor, but the predictor sees y = z / sigma, in which they are equal.
    """
    schedule, transform = ndm.LinearSchedule(-6.0, 4.0), ndm.ScalingTransform((1,))
    with torch.no_grad():
        transform.log_scale.copy_(torch.tensor([[-0.7], [0.9]]))  # m = exp(-0.7 t + 0.9 t^2)

    def model(noise_schedule: Schedule, f: ndm.ScalingTransform | ndm.IdentityTransform,
              volatility: Volatility) -> ndm.NeuralDiffusion:
        def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
            return torch.tanh(z_t / noise_schedule(t).sigma[:, None])
        return ndm.NeuralDiffusion(noise_schedule, f, predictor, ndm.GaussianDecoder(), volatility)

    scaled = model(schedule, transform, ndm.MarkovVolatility())
    plain = model(MatchedSchedule(schedule, transform), ndm.IdentityTransform(), ndm.ConstantVolatility(1.0))
    x, noise, u = torch.randn(20, 1), torch.randn(20, 1), torch.rand(20)
    if timesteps is None:
        values = [continuous_integrand(m, m.curve(x), u, noise, None) for m in (scaled, plain)]
    else:
        values = [discrete_integrand(m, m.curve(x), (u * timesteps).long(), timesteps, noise, noise, None)
                  for m in (scaled, plain)]
    assert_close(values[0], values[1], rtol=1e-8)
