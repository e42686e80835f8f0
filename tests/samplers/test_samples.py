"""Samples follow their exact law: for Gaussian data and the exact predictor every step is linear in z and the noise."""

import pytest
import torch
from exact_models import (
    ONE,
    ZERO,
    assert_close,
    assert_first_order,
    covariance,
    gaussian_model,
    linear_transform,
    random_covariance,
    small_transform,
    squashing_model,
)
from torch import Tensor

import ndm
from ndm.samplers import Sampler

ETAS = [0.0, 0.3, 1.0, 2.0]
SCHEDULE = {"gamma_min": -6.0, "gamma_max": 4.0}


def models(data: Tensor) -> dict[str, ndm.NeuralDiffusion]:
    schedule = ndm.schedules.LinearSchedule(**SCHEDULE)
    return {
        "identity": gaussian_model(data, schedule=schedule),
        "linear": gaussian_model(data, linear_transform(0.3 * torch.randn(3, 3)), schedule),
    }


def law(sampler: Sampler, start: Tensor) -> Tensor:
    """The covariance of z_0 when that of z_1 is `start`: the steps of the sampler, applied to unit vectors."""
    cov, eye = start, torch.eye(len(start))
    for t, s in zip(sampler.times[:-1], sampler.times[1:], strict=True):
        slope = sampler.step(eye, s, t, torch.zeros_like(eye), None).mT
        spread = sampler.step(torch.zeros_like(eye), s, t, eye, None).mT
        cov = slope @ cov @ slope.mT + spread @ spread.mT
    return cov


def marginal(model: ndm.NeuralDiffusion, data: Tensor, t: Tensor) -> Tensor:
    """Cov z_t = alpha^2 A S A^T + sigma^2 I."""
    matrix, level = model.transform(torch.eye(len(data)), t).mT, model.schedule(t)
    return level.alpha**2 * matrix @ data @ matrix.mT + level.sigma**2 * torch.eye(len(data))


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("name", ["identity", "linear"])
def test_many_steps_keep_the_marginals(name, eta) -> None:
    """Identity 5: from z_1 ~ q(z_1), the ODE and every SDE end in q(z_0); T steps are off by c / T."""
    data = random_covariance(3)
    model = models(data)[name]
    errors = [
        law(ndm.samplers.Ancestral(model, steps, eta), marginal(model, data, ONE)) - marginal(model, data, ZERO)
        for steps in (100, 200)
    ]
    assert_first_order(*errors, largest=0.3)


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("name", ["identity", "linear"])
def test_moments_of_samples(name, eta) -> None:
    """Mean and covariance of drawn samples against the recursion's, within 4 standard errors."""
    data, num = random_covariance(3), 2000
    model = models(data)[name]
    sampler = ndm.samplers.Ancestral(model, 10, eta)
    x = sampler((num, 3), seed=3)
    level = model.schedule(ZERO)
    exact = (law(sampler, torch.eye(3)) + level.sigma**2 * torch.eye(3)) / level.alpha**2
    variances = exact.diagonal()
    assert (x.mean(0).abs() < 4 * (variances / num).sqrt()).all()
    error = ((torch.outer(variances, variances) + exact**2) / num).sqrt()
    assert ((x.mT.cov(correction=0) - exact).abs() < 4 * error).all()


def test_deterministic_step_in_closed_form() -> None:
    """In one dimension, F = x: one DDIM step multiplies z by (alpha_s alpha_t v + sigma_s sigma_t) / r_t^2,

    and the exact ODE by r_s / r_t, with r^2 = alpha^2 v + sigma^2.
    """
    v = 2.3
    model = gaussian_model(torch.tensor([[v]]), schedule=ndm.schedules.LinearSchedule(**SCHEDULE))

    def factor(steps: int) -> Tensor:
        return law(ndm.samplers.Ancestral(model, steps, 0.0), torch.eye(1)).sqrt()[0, 0]

    def step(s: Tensor, t: Tensor) -> Tensor:
        at_s, at_t = model.schedule(s), model.schedule(t)
        return (at_s.alpha * at_t.alpha * v + at_s.sigma * at_t.sigma) / (at_t.alpha**2 * v + at_t.sigma**2)

    times = torch.arange(11) / 10
    assert_close(factor(10), step(times[:-1], times[1:]).prod())
    radii = [(model.schedule(t).alpha ** 2 * v + model.schedule(t).sigma ** 2).sqrt() for t in (ZERO, ONE)]
    errors = [factor(steps) - radii[0] / radii[1] for steps in (200, 400)]
    assert_first_order(*errors, largest=0.01)


@pytest.mark.parametrize("name", ["scaling", "series", "residual"])
def test_deterministic_sampling_is_the_ode(name) -> None:
    """Identity 5 for any F and predictor: eta = 0 against the method of Runge and Kutta, in y = z / sigma,

    where v = (alpha F)' + (sigma' / sigma) (z - alpha F) becomes dy/dt = (a F)' = a (F' - gamma' F / 2).
    """
    model = squashing_model(small_transform(name), ndm.schedules.LinearSchedule(**SCHEDULE))
    z_1 = torch.randn(2, 3)

    def velocity(y: Tensor, t: Tensor) -> Tensor:
        level = model.schedule(t)
        f, f_prime = model.predict(level.sigma * y, t).with_velocity(t)
        return level.snr.sqrt() * (f_prime - level.gamma_prime * f / 2)

    with torch.no_grad():
        y, h = z_1 / model.schedule(ONE).sigma, -1 / 160
        for k in range(160):
            t = ONE + k * h
            k1 = velocity(y, t)
            k2 = velocity(y + h / 2 * k1, t + h / 2)
            k3 = velocity(y + h / 2 * k2, t + h / 2)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(y + h * k3, t + h))
        exact = model.schedule(ZERO).sigma * y
        errors = [walk(ndm.samplers.Ancestral(model, steps, 0.0), z_1) - exact for steps in (200, 400)]
    assert_first_order(*errors, largest=0.05)


def walk(sampler: Sampler, z: Tensor) -> Tensor:
    for t, s in zip(sampler.times[:-1], sampler.times[1:], strict=True):
        z = sampler.step(z, s, t, torch.zeros_like(z), None)
    return z


@pytest.mark.parametrize("name", ["identity", "scaling", "series", "residual"])
def test_deterministic_steps_are_exact_for_a_constant_prediction(name) -> None:
    """Identity 6: where x^ does not depend on z, one step from 1 to 0 is as good as fifty."""
    constant = torch.randn(3)
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(**SCHEDULE),
        small_transform(name),
        lambda z_t, t, cond: constant.expand_as(z_t),
        ndm.GaussianDecoder(),
    ).eval()
    z_1 = torch.randn(2, 3)
    with torch.no_grad():
        one, many = (walk(ndm.samplers.Ancestral(model, steps, 0.0), z_1) for steps in (1, 50))
    assert_close(one, many, rtol=1e-9)


def test_reverse_step_is_walked() -> None:
    """With a table of w given, the covariance of a step is w, on the T steps it was made for: walked, and alone."""
    reverse_step = ndm.reverse_steps.LearnedReverseStep((3,), 4)
    torch.nn.init.normal_(reverse_step.log_ratio)
    model = squashing_model(small_transform("series"), reverse_step=reverse_step)
    z_t, k = torch.randn(1, 3), torch.tensor([2])
    with torch.no_grad():
        predicted = model.predict(z_t, (k + 1) / 4)
        v = model.posterior(z_t, predicted, k / 4, (k + 1) / 4).std ** 2
        w = covariance(model.reverse_kernel(z_t, predicted, k, 4))
        moved = [
            ndm.samplers.Ancestral(model, 4).step(z_t, *torch.tensor([0.5, 0.75]), noise, None, 2, 4)
            for noise in (torch.zeros(1, 3), torch.ones(1, 3))
        ]
    assert_close(w, torch.diag(v[0] * reverse_step.log_ratio[2].exp()).detach())
    assert_close(moved[1] - moved[0], w.diagonal().sqrt()[None])
