"""The divergence of a step: closed form against its definition, E_q[log q - log p]."""

import pytest
import torch
from exact_models import assert_close, covariance, cubature, perturbed, small_transform, squashing_model, units
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

import ndm
from ndm.bounds.bound import discrete_integrand
from ndm.parts.reverse_steps import ReverseStep
from ndm.process.bases import Basis

IMAGE, T = (1, 2, 3), 6
BASES = {"standard": ndm.process.bases.StandardBasis, "cosine": lambda: ndm.process.bases.CosineBasis(2, 3)}


def random_gaussian(basis: Basis) -> ndm.Gaussian:
    return ndm.Gaussian(torch.randn(1, *IMAGE), torch.rand(1, *IMAGE) + 0.5, basis)


def as_torch(gaussian: ndm.Gaussian) -> MultivariateNormal:
    return MultivariateNormal(gaussian.mean.flatten(), covariance(gaussian))


@pytest.mark.parametrize("basis", BASES)
def test_gaussian_is_torchs_multivariate_normal(basis) -> None:
    """Density and divergence, with the covariance B^T diag(std^2) B as a full matrix."""
    shared, x = BASES[basis](), torch.randn(4, *IMAGE)
    q, p = random_gaussian(shared), random_gaussian(shared)
    rotation = shared(units(IMAGE)).flatten(1).mT  # B
    assert_close(covariance(q), rotation.mT @ torch.diag(q.std.flatten() ** 2) @ rotation)
    assert_close(q.log_prob(x), as_torch(q).log_prob(x.flatten(1)))
    assert_close(q.kl(p), kl_divergence(as_torch(q), as_torch(p))[None])
    assert_close(q.kl(q), 0.0)


def test_gaussian_divergence_by_monte_carlo() -> None:
    """KL = E[log q - log p] over samples of q, within 4 standard errors."""
    q, p = random_gaussian(ndm.process.bases.CosineBasis(2, 3)), random_gaussian(ndm.process.bases.CosineBasis(2, 3))
    p = ndm.Gaussian(p.mean, p.std, q.basis)
    z = q.sample(torch.randn(20_000, *IMAGE))
    draws = q.log_prob(z) - p.log_prob(z)
    assert abs(draws.mean() - q.kl(p)) < 4 * draws.std() / len(draws) ** 0.5


def reverse_steps() -> dict[str, ReverseStep]:
    analytic = ndm.reverse_steps.AnalyticReverseStep(IMAGE, T)
    analytic.excess.value.uniform_(0, 2)
    return {
        "posterior": ndm.reverse_steps.PosteriorReverseStep(),
        "analytic": analytic,
        "learned": perturbed(ndm.reverse_steps.LearnedReverseStep(IMAGE, T), std=0.7),
    }


def step_model(name: str) -> ndm.NeuralDiffusion:
    """Everything at once: F and eta diagonal in the frequencies, and a reverse step."""
    volatility = perturbed(ndm.volatilities.PerDimensionVolatility(IMAGE), std=0.5)
    return squashing_model(
        small_transform("frequency", IMAGE),
        ndm.schedules.LinearSchedule(-3.0, 2.0),
        volatility=volatility,
        reverse_step=reverse_steps()[name],
    )


@pytest.mark.parametrize("name", reverse_steps())
def test_step_of_the_bound_is_a_divergence(name) -> None:
    """T KL(q(z_s | z_t, x) || p(z_s | z_t)) = T E_q[log q - log p]: exact, since the logarithms are quadratic."""
    model = step_model(name)
    for step in range(T):
        x, noise, k = torch.randn(1, *IMAGE), torch.randn(1, *IMAGE), torch.tensor([step])
        curve, t = model.curve(x), (k + 1) / T
        z_t = model.marginal(curve, t).sample(noise)
        q = model.posterior(z_t, curve, k / T, t)
        p = model.reverse_kernel(z_t, model.predict(z_t, t), k, T)
        z_s = q.sample(cubature(6).reshape(-1, *IMAGE))
        expected = T * (q.log_prob(z_s) - p.log_prob(z_s)).mean()
        assert_close(discrete_integrand(model, curve, k, T, noise, noise, None), expected, rtol=1e-9)


def test_formula_of_the_step() -> None:
    """KL(s, t) = |a_s dF(s) - exp(-D/2) a_t dF(t)|^2 / (2 (1 - exp(-D))), with w = v."""
    eta, x, noise = 0.6, torch.randn(T, 3), torch.randn(T, 3)
    model = squashing_model(small_transform("residual"), volatility=ndm.volatilities.ConstantVolatility(eta))
    curve, k = model.curve(x), torch.arange(T)
    s, t = k / T, (k + 1) / T
    difference = curve - model.predict(model.marginal(curve, t).sample(noise), t)
    a_s, a_t = ((-model.schedule.gamma(u) / 2).exp()[:, None] for u in (s, t))
    decay = torch.exp(-eta * (model.schedule.gamma(t) - model.schedule.gamma(s)))
    distance = (a_s * difference(s) - decay[:, None].sqrt() * a_t * difference(t)).square().sum(1)
    got = discrete_integrand(model, curve, k, T, noise, noise, None)
    assert_close(got, T * distance / (2 * (1 - decay)), rtol=1e-9)


def test_analytic_variance_is_the_lowest_divergence() -> None:
    """w = v + E[(mean difference)^2] minimises the mean KL: the gradient of a learned table vanishes there."""
    model = squashing_model(small_transform("frequency", IMAGE), ndm.schedules.LinearSchedule(-3.0, 2.0))
    steps = torch.arange(T).repeat_interleave(5)  # five examples of each step
    x, noise = torch.randn(2, len(steps), *IMAGE)

    def divergence(reverse_step: ReverseStep) -> Tensor:
        model.reverse_step = reverse_step
        return discrete_integrand(model, model.curve(x), steps, T, noise, noise, None).mean()

    analytic, learned = ndm.reverse_steps.AnalyticReverseStep(IMAGE, T), ndm.reverse_steps.LearnedReverseStep(IMAGE, T)
    model.train()
    divergence(analytic)  # takes note of the batch
    model.eval()
    best = divergence(analytic)
    with torch.no_grad():
        learned.log_ratio.copy_(analytic.ratio().log())
    (gradient,) = torch.autograd.grad(divergence(learned), learned.log_ratio)
    assert_close(divergence(learned), best)
    assert_close(gradient, 0.0)
    assert best < divergence(perturbed(learned)) and best < divergence(ndm.reverse_steps.PosteriorReverseStep())
