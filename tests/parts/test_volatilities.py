"""The best volatility: eta* = sqrt(E|u|^2 / E|w|^2) with w = dF/2, u = dF/2 - dF'/gamma'."""

import pytest
import torch
from exact_models import assert_close, derivative, gaussian_model, growth, small_transform, squashing_model
from torch import Tensor

import ndm
from ndm.base.errors import InputError
from ndm.bounds.bound import continuous_integrand, discrete_integrand
from ndm.parts.volatilities import Volatility

SCHEDULE = {"gamma_min": -6.0, "gamma_max": 4.0}
BINS = 8
CENTRES = (torch.arange(BINS, dtype=torch.float64) + 0.5) / BINS


def bound_at_centres(model: ndm.NeuralDiffusion, x: Tensor, noise: Tensor, volatility: Volatility) -> Tensor:
    """The mean of l(t) over a batch whose times are the centres of the bins, (BINS,)."""
    model.volatility = volatility
    values = continuous_integrand(model, model.curve(x), CENTRES.repeat(len(x) // BINS), noise, None)
    return values.reshape(-1, BINS).mean(0)


def observed(model: ndm.NeuralDiffusion, x: Tensor, noise: Tensor) -> ndm.volatilities.BestVolatility:
    best = ndm.volatilities.BestVolatility(num_bins=BINS)
    model.train()
    bound_at_centres(model, x, noise, best)
    model.eval()
    return best


def test_best_volatility_of_a_linear_path_is_markovs() -> None:
    """F = m(t) x: u and w are in the ratio 1 - 2 (log m)' / gamma' for every x, so that eta* is the matched eta."""
    model = gaussian_model(torch.tensor([[2.3]]), growth(), ndm.schedules.LinearSchedule(**SCHEDULE))
    best = observed(model, *torch.randn(2, 40, 1))
    matched = ndm.volatilities.MarkovVolatility().eta(CENTRES, model.schedule, model.transform)[:, 0]
    assert_close(best.eta(CENTRES, model.schedule, model.transform), matched)
    assert_close(matched, 1 - 2 / (2 + CENTRES) / 10)


def test_best_volatility_of_the_identity_is_one() -> None:
    model = squashing_model(schedule=ndm.schedules.LinearSchedule(**SCHEDULE))
    assert_close(ndm.volatilities.BestVolatility().bins(), 1.0)
    assert_close(observed(model, *torch.randn(2, 40, 3)).bins(), 1.0)


@pytest.mark.parametrize("name", ["scaling", "series", "residual"])
def test_best_volatility_minimises_the_bound(name) -> None:
    """At eta* the gradient of the bound in eta vanishes in every bin, and the bound is below that of eta = 1."""
    model = squashing_model(small_transform(name), ndm.schedules.LinearSchedule(**SCHEDULE))
    x, noise = torch.randn(2, 5 * BINS, 3)
    best, learned = observed(model, x, noise), ndm.volatilities.LearnedVolatility(num_bins=BINS)
    lowest = bound_at_centres(model, x, noise, best)
    assert (lowest < bound_at_centres(model, x, noise, learned)).all()
    with torch.no_grad():
        learned.log_eta.copy_(best.bins().log())
    (gradient,) = torch.autograd.grad(bound_at_centres(model, x, noise, learned).sum(), learned.log_eta)
    assert_close(gradient / lowest, 0.0, atol=1e-8)


@pytest.mark.parametrize("name", ["scaling", "series", "residual"])
def test_a_chain_teaches_the_same_volatility(name) -> None:
    """Many steps show the best volatility by differences what the continuous bound shows it by velocities."""
    model = squashing_model(small_transform(name), ndm.schedules.LinearSchedule(**SCHEDULE))
    x, noise = torch.randn(2, 5 * BINS, 3)
    by_velocity, model.volatility = observed(model, x, noise), ndm.volatilities.BestVolatility(num_bins=BINS)
    steps = (CENTRES * 100_000).long().repeat(5)
    discrete_integrand(model.train(), model.curve(x), steps, 100_000, noise, noise, None)
    assert_close(model.volatility.bins(), by_velocity.bins(), rtol=1e-3)
    assert (by_velocity.bins() - 1).abs().max() > 0.01


def test_one_volatility_for_each_dimension_splits_the_bound() -> None:
    """l = sum_i l_i(eta_i): a vector of volatilities gives each dimension the term it has under its own, alone."""
    etas = torch.tensor([0.4, 1.0, 2.5])
    model = squashing_model(ndm.IdentityTransform(), ndm.schedules.LinearSchedule(**SCHEDULE))
    x, noise, t = torch.randn(6, 3), torch.randn(6, 3), torch.rand(6)
    model.volatility = ndm.volatilities.PerDimensionVolatility((3,))
    with torch.no_grad():
        model.volatility.log_eta.copy_(etas.log())
    together = continuous_integrand(model, model.curve(x), t, noise, None)
    alone = torch.zeros(6)
    for i, eta in enumerate(etas):
        model.volatility = ndm.volatilities.ConstantVolatility(float(eta))
        alone += continuous_integrand(model, model.curve(x[:, i, None]), t, noise[:, i, None], None)
    assert_close(together, alone)


def test_markov_volatility_is_that_of_the_matched_schedule() -> None:
    """eta_i gamma' is the derivative of gt_i = gamma - 2 log w_i, where that grows."""
    model = squashing_model(small_transform("scaling"), ndm.schedules.LinearSchedule(**SCHEDULE))
    t = torch.rand(5)

    def matched(u: Tensor) -> Tensor:
        return model.schedule.gamma(u)[:, None] - 2 * model.transform.log_scale_with_velocity(u)[0]

    eta = ndm.volatilities.MarkovVolatility().eta(t, model.schedule, model.transform)
    assert_close(eta * 10, derivative(matched, t), rtol=1e-6)


def test_a_random_volatility_is_log_uniform_for_each_example_while_training() -> None:
    """log eta / log r ~ U(-1, 1): mean 0, variance 1/3; D = eta (gamma_t - gamma_s)."""
    schedule, path = ndm.schedules.LinearSchedule(**SCHEDULE), ndm.IdentityTransform()
    volatility = ndm.volatilities.RandomVolatility(ratio=3.0)
    t, s = torch.full((40_000,), 0.7), torch.full((40_000,), 0.2)
    span = schedule.gamma(t) - schedule.gamma(s)
    for eta in (volatility.eta(t, schedule, path), volatility.integral(s, t, schedule, path) / span):
        u = eta.log() / torch.tensor(3.0).log()
        assert u.abs().max() <= 1 and len(u.unique()) > 39_000
        assert u.mean().abs() < 0.015 and (u.var() - 1 / 3).abs() < 0.01
    volatility.eval()
    assert torch.equal(volatility.eta(t, schedule, path), torch.ones_like(t))
    assert_close(volatility.integral(s, t, schedule, path), span)


def test_a_random_volatility_tells_curve_and_velocity_apart() -> None:
    """A curve that is wrong by d and whose velocity is wrong by gamma' d: no loss at eta = 1, and one at other eta."""
    model = squashing_model(
        schedule=ndm.schedules.LinearSchedule(**SCHEDULE), volatility=ndm.volatilities.ConstantVolatility(1.0)
    )
    gamma = model.schedule.gamma

    class Growing(ndm.Curve):
        """t -> x + 0.1 exp(gamma(t) - gamma(0.4)), whose error d at t = 0.4 grows at the rate gamma' d."""

        def __init__(self, x: Tensor) -> None:
            self.x = x

        def __call__(self, t: Tensor) -> Tensor:
            return self.x + 0.1 * (gamma(t) - gamma(torch.tensor(0.4))).exp()[:, None]

    x, t = torch.randn(8, 1), torch.full((8,), 0.4)
    model.predict = lambda z_t, t, cond=None, level=None: Growing(x)
    at_one = continuous_integrand(model, model.curve(x), t, torch.randn(8, 1), None)
    model.volatility = ndm.volatilities.RandomVolatility().train()
    assert at_one.abs().max() < 1e-12
    assert continuous_integrand(model, model.curve(x), t, torch.randn(8, 1), None).min() > 1e-6


@pytest.mark.parametrize("ratio", [1.0, 0.5, float("nan"), float("inf")])
def test_a_random_volatility_needs_a_range(ratio) -> None:
    with pytest.raises(InputError, match="ratio = "):
        ndm.volatilities.RandomVolatility(ratio)
