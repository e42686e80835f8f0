"""Decoders are distributions: they add up to 1, and their samples follow them."""

import itertools
import math

import pytest
import torch
from exact_models import ZERO, assert_close, cubature

import ndm
from ndm.base.errors import InputError
from ndm.parts.decoders.discretised import NearLevels

COARSE = ndm.schedules.LinearSchedule(-2.0, 4.0)(ZERO)  # so much noise at t = 0 that several levels are likely
FINE = ndm.schedules.LinearSchedule()(ZERO)


@pytest.mark.parametrize("level", [COARSE, FINE], ids=["coarse", "fine"])
@pytest.mark.parametrize("num_levels", [2, 17, 256])
@pytest.mark.parametrize("event_shape", [(4,), (3, 2, 2)])
def test_levels_are_normalised(event_shape, num_levels, level) -> None:
    """sum_k p(x_i = v_k | z_0) = 1, and each is proportional to N(z_0; alpha_0 v_k, sigma_0^2)."""
    decoder, z_0 = ndm.DiscretisedDecoder(num_levels), torch.randn(3, *event_shape)
    log_probs = decoder.log_probs(z_0, level)
    assert_close(log_probs.exp().sum(-1), 1.0)
    values = torch.linspace(-1, 1, num_levels)
    density = torch.distributions.Normal(level.alpha * values, level.sigma).log_prob(z_0[..., None])
    assert_close(log_probs, density - density.logsumexp(-1, keepdim=True), rtol=1e-8)


def test_levels_of_an_event_are_independent() -> None:
    """sum over all 3^4 events of p(x | z_0) = 1."""
    decoder, z_0 = ndm.DiscretisedDecoder(3), torch.randn(1, 2, 2)
    events = torch.tensor(list(itertools.product([-1.0, 0.0, 1.0], repeat=4))).reshape(-1, 2, 2)
    assert_close(decoder.log_prob(events, z_0.expand_as(events), COARSE).exp().sum(), 1.0)


def test_level_samples_follow_the_probabilities() -> None:
    """Evenly spread uniform numbers give each level its share, to one part in their number."""
    decoder, num = ndm.DiscretisedDecoder(9), 10_000
    uniform = (torch.arange(num)[:, None] + 0.5) / num
    z_0 = torch.randn(5)
    samples = decoder.sample(z_0.expand(num, 5), COARSE, uniform.expand(num, 5))
    shares = (samples[..., None] == decoder.values(samples)).double().mean(0)
    assert_close(shares, decoder.log_probs(z_0[None], COARSE)[0].exp(), atol=1.01 / num, rtol=0)


def test_levels_and_integers() -> None:
    decoder = ndm.DiscretisedDecoder(17)
    k = torch.arange(17)
    assert_close(decoder.from_integers(k), decoder.values(torch.zeros(())))
    assert torch.equal(decoder.to_integers(decoder.from_integers(k)), k)
    decoder.check(decoder.from_integers(k)[None])


def exact_reconstruction(decoder: ndm.DiscretisedDecoder, k: torch.Tensor, level, noise: torch.Tensor) -> torch.Tensor:
    """sum_i log sum_m exp(u_m n_i - u_m^2 / 2), u_m = m spacing alpha / sigma over every level, by Python's floats."""
    unit = 2 / (decoder.num_levels - 1) * float(level.alpha) / float(level.sigma)
    terms = [
        math.log(math.fsum(math.exp((m - i) * unit * (n - (m - i) * unit / 2)) for m in range(decoder.num_levels)))
        for i, n in zip(k.flatten().tolist(), noise.flatten().tolist(), strict=True)
    ]
    return torch.tensor(terms, dtype=torch.float64).reshape(k.shape).flatten(1).sum(1)


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [-13.3, -7.0, -3.0])
@pytest.mark.parametrize("num_levels", [2, 17, 256])
def test_the_reconstruction_is_exact_in_float64(num_levels, gamma, default) -> None:
    """Whatever the default type is: it is that of the data that counts."""
    torch.set_default_dtype(default)
    decoder, level = ndm.DiscretisedDecoder(num_levels).double(), ndm.schedules.LinearSchedule(gamma)(ZERO)
    k, noise = torch.randint(num_levels, (3, 4)), torch.randn(3, 4, dtype=torch.float64)
    x = decoder.from_integers(k, torch.float64)
    expected = exact_reconstruction(decoder, k, level, noise)
    assert_close(decoder.reconstruction(x, level, noise), expected, rtol=1e-12, atol=1e-12)
    assert_close(-decoder.log_prob(x, level.alpha * x + level.sigma * noise, level), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("gamma", [-13.3, -9.0, -3.0])
@pytest.mark.parametrize("num_levels", [2, 17, 256])
def test_the_reconstruction_of_many_dimensions_is_the_mean_over_all_noise(num_levels, gamma) -> None:
    """Whatever noise it is given; and its derivative in gamma is that of the mean."""
    decoder = ndm.DiscretisedDecoder(num_levels).double()
    levels = torch.tensor(sorted({0, 1, num_levels // 3, num_levels - 1}))
    noise = torch.linspace(-9, 9, 289, dtype=torch.float64)
    weights = torch.exp(-(noise**2) / 2) * (noise[1] - noise[0]) / math.sqrt(2 * math.pi)

    def mean(gamma: float) -> torch.Tensor:
        level = ndm.schedules.LinearSchedule(gamma)(ZERO)
        k = levels[:, None].expand(-1, len(noise)).reshape(-1, 1)
        terms = exact_reconstruction(decoder, k, level, noise.expand(len(levels), -1).reshape(-1, 1))
        return terms.reshape(len(levels), -1) @ weights

    schedule = ndm.schedules.LearnedLinearSchedule(gamma).double()
    x = decoder.from_integers(levels[:, None].expand(-1, 20_000), torch.float64)
    found = decoder.reconstruction(x, schedule(ZERO), torch.full_like(x, math.nan))
    assert_close(found, 20_000 * mean(gamma), rtol=1e-10, atol=1e-7)
    (slope,) = torch.autograd.grad(found.sum(), schedule.gamma_0)
    expected = 20_000 * (mean(gamma + 1e-4) - mean(gamma - 1e-4)).sum() / 2e-4
    assert_close(slope, expected, rtol=1e-5, atol=1e-3)


@pytest.fixture(params=["one number", "one for each dimension"])
def scaled(request) -> ndm.GaussianDecoder:
    """A decoder of two dimensions with a loc and a scale."""
    one = request.param == "one number"
    return ndm.GaussianDecoder(0.5, 0.3) if one else ndm.GaussianDecoder((0.5, -1.0), (2.0, 0.3))


def test_gaussian_integrates_to_one(scaled) -> None:
    """The density of x in its own units, on a grid about its mean: the Jacobian of loc and scale is in it."""
    z_0 = torch.tensor([[0.4, -0.2]])
    axes = [
        scaled.destandardise(z_0 / COARSE.alpha)[0, i] + scaled.scale.expand(2)[i] * torch.linspace(-5, 5, 201)
        for i in range(2)
    ]
    grid = torch.cartesian_prod(*axes)
    cell = torch.stack([axis[1] - axis[0] for axis in axes]).prod()
    assert_close(scaled.log_prob(grid, z_0.expand_as(grid), COARSE).exp().sum() * cell, 1.0, rtol=1e-8)


def test_gaussian_is_torchs_normal(scaled) -> None:
    """p(x | z_0) = N(loc + scale z_0 / alpha_0, (scale sigma_0 / alpha_0)^2)."""
    x, z_0 = torch.randn(2, 6, 2)
    expected = torch.distributions.Normal(
        scaled.loc + scaled.scale * z_0 / COARSE.alpha, scaled.scale * COARSE.sigma / COARSE.alpha
    )
    assert_close(scaled.log_prob(x, z_0, COARSE), expected.log_prob(x).sum(1))
    uniform = torch.rand(6, 2)
    assert_close(scaled.sample(z_0, COARSE, uniform), expected.icdf(uniform), rtol=1e-8)
    assert_close(scaled.destandardise(scaled.standardise(x)), x)


def test_gaussian_reconstruction_is_the_expectation(scaled) -> None:
    """L_rec = E[-log p(x | z_0)] in closed form; -log p is quadratic in the noise, so that cubature is exact."""
    noise = cubature(2)
    x = torch.randn(1, 2).expand(len(noise), 2)
    z_0 = COARSE.alpha * scaled.standardise(x) + COARSE.sigma * noise
    assert_close(scaled.reconstruction(x, COARSE, noise), -scaled.log_prob(x, z_0, COARSE).mean())


def test_levels_reconstruction_is_one_draw() -> None:
    """-log p(x | alpha_0 x + sigma_0 noise)."""
    decoder, noise = ndm.DiscretisedDecoder(5), torch.randn(6, 4)
    x = decoder.from_integers(torch.randint(5, (6, 4)))
    drawn = -decoder.log_prob(x, COARSE.alpha * x + COARSE.sigma * noise, COARSE)
    assert_close(decoder.reconstruction(x, COARSE, noise), drawn)


def test_bound_is_that_of_the_data_in_its_own_units(scaled) -> None:
    """The model of loc + scale x has the bound of x plus sum_i log scale_i: draw by draw."""

    def total(decoder: ndm.GaussianDecoder, x: torch.Tensor) -> torch.Tensor:
        model = ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), lambda z, t, c: z.tanh(), decoder
        )
        return ndm.bound(model.eval(), x, generator=torch.Generator().manual_seed(0)).total

    x = torch.randn(7, 2)
    ours = total(scaled, scaled.destandardise(x))
    assert_close(ours, total(ndm.GaussianDecoder(), x) + scaled.scale.log().expand(2).sum(), rtol=1e-8)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_events_of_another_shape_are_refused(shape) -> None:
    with pytest.raises(InputError, match="as the model was trained on"):
        ndm.GaussianDecoder(loc=torch.zeros(2), scale=torch.ones(2)).check(torch.zeros(4, *shape))


def test_a_decoder_may_have_a_number_for_each_of_the_last_axis() -> None:
    decoder = ndm.GaussianDecoder(loc=torch.zeros(2), scale=torch.ones(2))
    for shape in ((2,), (3, 2), (1, 2, 2)):
        x = torch.zeros(4, *shape)
        decoder.check(x)
        assert decoder.standardise(x).shape == x.shape


@pytest.mark.parametrize("shape", [(), (3, 1, 1), (3, 2, 2)], ids=["one for all", "for an example", "for a dimension"])
def test_the_odds_of_near_levels_have_the_derivatives_of_their_sum(shape):
    n, first = torch.randn(3, 2, 2, requires_grad=True), -torch.randint(0, 5, (3, 2, 2)).double()
    s = torch.rand(shape).add(0.3).requires_grad_()

    def plain(s, n):
        u = (first[:, None] + torch.arange(6.0).reshape(-1, 1, 1)) * (s[:, None] if s.ndim else s)
        return torch.logsumexp(u * (n[:, None] - u / 2), 1)

    assert_close(NearLevels.apply(s, n, first, 6)[0], plain(s, n))
    assert torch.autograd.gradcheck(lambda s, n: NearLevels.apply(s, n, first, 6)[0], (s, n), check_forward_ad=True)
    assert_close(
        torch.autograd.grad(NearLevels.apply(s, n, first, 6)[0].sum(), (s, n))[0],
        torch.autograd.grad(plain(s, n).sum(), (s, n))[0],
    )
