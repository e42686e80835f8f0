"""A scale for each dimension is a noise schedule for each dimension: what z_t shows, and its posterior."""

import pytest
import torch
from exact_models import ONE, ZERO, assert_close, derivative, perturbed, small_transform
from independent import SHARES, WIDE, data_of, exact_model, levels_form
from torch import Tensor
from torch.distributions import Normal

import ndm
from ndm.base.spec import Spec
from ndm.bounds.bound import continuous_integrand, discrete_integrand
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.parts.time_functions import Pieces
from ndm.parts.volatilities import Volatility

SCHEDULE = ndm.schedules.CosineSchedule(-6.0, 4.0)
EVENT = (2, 3)


def scaling(event_shape: tuple[int, ...] = EVENT) -> ndm.transforms.ScalingTransform:
    return perturbed(ndm.transforms.ScalingTransform(event_shape, functions=Pieces(3)), std=0.5)


def test_what_is_seen_is_the_likelihood_of_each_dimension() -> None:
    """q(z_t,i | x_i) = N(alpha w_i x_i, sigma^2)."""
    transform, x, z_t, t = scaling(), torch.randn(4, *EVENT), torch.randn(4, *EVENT), torch.rand(4)
    seen = transform.seen(SCHEDULE(t), t)
    assert all(value.shape == (4, *EVENT) for value in (seen.gamma, seen.gamma_prime, seen.alpha, seen.sigma))
    model = ndm.NeuralDiffusion(SCHEDULE, transform, lambda z, t, cond: z, ndm.GaussianDecoder())
    likelihood = Normal(seen.alpha * x, seen.sigma).log_prob(z_t)
    assert_close(likelihood.sum((1, 2)), model.marginal(model.curve(x), t).log_prob(z_t))
    w = transform(torch.ones(4, *EVENT), t)
    assert_close(seen.alpha, SCHEDULE(t).alpha[:, None, None] * w)
    assert_close(seen.sigma, SCHEDULE(t).sigma[:, None, None].expand(4, *EVENT))


def test_what_is_seen_is_a_level() -> None:
    """gamma = log(sigma^2 / alpha^2), gamma' its derivative, snr = exp(-gamma): a schedule for each dimension."""
    transform, t = scaling(), torch.tensor([0.1, 0.4, 0.6, 0.9])

    def seen(u: Tensor) -> NoiseLevel:
        return transform.seen(SCHEDULE(u), u)

    level = seen(t)
    assert_close(level.gamma, torch.log(level.sigma**2 / level.alpha**2))
    assert_close(level.gamma_prime, derivative(lambda u: seen(u).gamma, t), rtol=1e-6)
    assert_close(level.snr, level.alpha**2 / level.sigma**2)
    assert_close(seen(ZERO.expand(2)).gamma, SCHEDULE(ZERO).gamma)  # w(0) = 1
    assert (seen(ONE.expand(1)).gamma.flatten().diff().abs() > 1e-3).all()


@pytest.mark.parametrize("name", ["identity", "series", "residual", "frequency"])
def test_other_transformations_show_the_level_of_the_schedule(name) -> None:
    """F = identity for one, and where F mixes dimensions there is no level of each."""
    t = torch.rand(3)
    level = SCHEDULE(t)
    assert small_transform(name, (1, 4, 4) if name == "frequency" else (3,)).seen(level, t) is level


def test_the_posterior_is_bayes_rule_at_the_noise_level_of_each_dimension() -> None:
    """p(v_k | z_i) ~ pi_ik N(z_i; alpha w_i v_k, sigma^2), w_i apart for the two dimensions."""
    transform = scaling((2,))
    model = exact_model(levels_form(), (-3.0, 3.0), transform, ndm.volatilities.MarkovVolatility())
    z_t, t = torch.randn(5, 2), torch.rand(5)
    level, w, data = model.schedule(t), transform(torch.ones(5, 2), t), data_of(levels_form())
    likelihood = Normal(level.alpha[:, None, None] * w[..., None] * data.means, level.sigma[:, None, None])
    joint = SHARES * likelihood.log_prob(z_t[..., None]).exp()
    predicted = model.predict(z_t, t)
    expected = (joint * data.means).sum(-1) / joint.sum(-1)
    assert_close(predicted.posterior.x.mean, expected)
    assert_close(predicted(torch.tensor(0.5)), transform(torch.ones(5, 2), torch.tensor(0.5)) * expected)


def test_the_response_is_the_change_for_a_unit_of_x() -> None:
    transform, x, t = scaling(), torch.randn(4, *EVENT), torch.rand(4)
    response, unit = transform.response(transform.curve(x), x)(t), torch.zeros(EVENT)
    unit[1, 2] = 1
    assert_close(transform(x + unit, t) - transform(x, t), response * unit)
    assert_close(ndm.IdentityTransform().response(transform.curve(x), x)(t), 1.0)


def test_scaling_by_its_own_schedule_is_a_change_of_it() -> None:
    """Steps of the exact model for F = w x equal those of F = x with each dimension's own gamma_i, in y = z / sigma."""
    transform = scaling((2,))
    model = exact_model(levels_form(), WIDE, transform, ndm.volatilities.MarkovVolatility())
    s, t, y = torch.tensor([0.2, 0.5]), torch.tensor([0.45, 0.9]), torch.randn(2, 2)
    kernel = model.kernel(y, s, t)
    seen_s, seen_t = (transform.seen(model.schedule(u), u) for u in (s, t))
    span = seen_t.gamma - seen_s.gamma
    assert_close(kernel.c * seen_t.sigma / seen_s.sigma, torch.exp(-span / 2))
    assert_close(kernel.std**2 / seen_s.sigma**2, -torch.expm1(-span))
    gain = kernel.shift(transform.response(transform.curve(y), y)) / seen_s.sigma
    assert_close(gain, torch.exp(-seen_s.gamma / 2) * -torch.expm1(-span))


@pytest.mark.parametrize("functions", ["pieces", "bumps", "monomials"])
def test_it_starts_in_an_order_that_keeps_neighbours_apart(functions) -> None:
    """log w_i(t) = 4 lead t (1 - t) (1 - 2 r_i) at the knots, for all functions of time; no two neighbours alike."""
    transform = ndm.transforms.ScalingTransform.from_spec(
        Spec((1, 4, 6), timesteps=4), functions=functions, lead=3.0
    ).double()
    t = torch.arange(5, dtype=torch.float64) / 4
    log_w = transform.log_scale_with_velocity(t)[0]
    rank = torch.tensor([[0.125, 0.625], [0.875, 0.375]], dtype=torch.float64).repeat(2, 3)
    expected = (12 * t * (1 - t))[:, None, None, None] * (1 - 2 * rank)
    torch.testing.assert_close(log_w, expected, atol=1e-5, rtol=1e-5)
    for axis in (-1, -2):
        assert (rank.diff(dim=axis) != 0).all() and (log_w[2].diff(dim=axis) != 0).all()


def test_points_start_in_the_order_of_their_dimensions_and_in_continuous_time_in_none() -> None:
    start = ndm.transforms.ScalingTransform.from_spec(Spec((3,), timesteps=2)).log_scale[0]
    torch.testing.assert_close(start, 3.0 * (1 - 2 * torch.tensor([1 / 6, 3 / 6, 5 / 6])))
    assert not ndm.transforms.ScalingTransform.from_spec(Spec((3,))).log_scale.any()


class MatchedSchedule(Schedule):
    """gt = gamma - 2 log m(t): the noise schedule that F = m(t) x amounts to."""

    def __init__(self, schedule: Schedule, transform: ndm.transforms.ScalingTransform) -> None:
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
    schedule, transform = ndm.schedules.LinearSchedule(-6.0, 4.0), ndm.transforms.ScalingTransform((1,))
    with torch.no_grad():
        transform.log_scale.copy_(torch.tensor([[-0.7], [0.9]]))  # m = exp(-0.7 t + 0.9 t^2)

    def model(
        noise_schedule: Schedule, f: ndm.transforms.ScalingTransform | ndm.IdentityTransform, volatility: Volatility
    ) -> ndm.NeuralDiffusion:
        def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
            return torch.tanh(z_t / noise_schedule(t).sigma[:, None])

        return ndm.NeuralDiffusion(noise_schedule, f, predictor, ndm.GaussianDecoder(), volatility)

    scaled = model(schedule, transform, ndm.volatilities.MarkovVolatility())
    plain = model(
        MatchedSchedule(schedule, transform), ndm.IdentityTransform(), ndm.volatilities.ConstantVolatility(1.0)
    )
    x, noise, u = torch.randn(20, 1), torch.randn(20, 1), torch.rand(20)
    if timesteps is None:
        values = [continuous_integrand(m, m.curve(x), u, noise, None) for m in (scaled, plain)]
    else:
        values = [
            discrete_integrand(m, m.curve(x), (u * timesteps).long(), timesteps, noise, noise, None)
            for m in (scaled, plain)
        ]
    assert_close(values[0], values[1], rtol=1e-8)
