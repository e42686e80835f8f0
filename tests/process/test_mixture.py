"""Mixtures of Gaussians: densities, moments, draws and divergences against quadrature and torch.distributions."""

import pytest
import torch
from exact_models import assert_close
from independent import normal_grid
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import ndm
from ndm.process.mixture import Mixture

BATCH, EVENT, K = 3, (2, 2), 4
LINE = torch.linspace(-40, 40, 20_001, dtype=torch.float64)


def random_mixture(event_shape: tuple[int, ...] = EVENT, batch: int = BATCH, num: int = K) -> Mixture:
    shape = (batch, *event_shape, num)
    return Mixture(torch.log_softmax(torch.randn(shape), -1), 2 * torch.randn(shape), torch.rand(shape) + 0.1)


def random_gaussian(event_shape: tuple[int, ...] = EVENT, batch: int = BATCH) -> ndm.Gaussian:
    return ndm.Gaussian(torch.randn(batch, *event_shape), torch.rand(batch, *event_shape) + 0.3)


def repeated(mixture: Mixture, num: int) -> Mixture:
    """A batch of the one example of `mixture`."""
    return Mixture(mixture.log_weights.expand(num, -1, -1), mixture.means, mixture.variances)


def as_torch(mixture: Mixture) -> MixtureSameFamily:
    """The distribution of each dimension."""
    normals = Normal(mixture.means.expand_as(mixture.log_weights), mixture.variances.sqrt())
    return MixtureSameFamily(Categorical(logits=mixture.log_weights), normals)


def on_a_line(distribution: Mixture | ndm.Gaussian) -> Tensor:
    """log density on LINE, for events of one dimension and a batch of one."""
    return distribution.log_prob(LINE[:, None])


def gaussian_of(mixture: Mixture) -> ndm.Gaussian:
    """The same distribution, for a mixture of one component."""
    return ndm.Gaussian(mixture.means[..., 0], mixture.variances[..., 0].sqrt())


def test_density_is_torchs() -> None:
    mixture, x = random_mixture(), torch.randn(BATCH, *EVENT)
    assert_close(mixture.log_prob(x), Independent(as_torch(mixture), len(EVENT)).log_prob(x))


def test_density_integrates_to_one() -> None:
    assert_close(torch.trapezoid(on_a_line(random_mixture((1,), batch=1)).exp(), LINE), 1.0)


def test_moments() -> None:
    mixture = random_mixture()
    assert_close(mixture.mean, as_torch(mixture).mean)
    assert_close(mixture.variance, as_torch(mixture).variance)
    one = random_mixture((1,), batch=1)
    density = on_a_line(one).exp()
    assert_close(one.mean, torch.trapezoid(density * LINE, LINE))
    assert_close(one.variance, torch.trapezoid(density * (LINE - one.mean) ** 2, LINE))


@pytest.mark.parametrize("shape", [(BATCH, *EVENT), (BATCH, 1, 1), ()], ids=str)
def test_affine_moves_the_density(shape) -> None:
    """p(g x + o) = p(x) / |g|, and the moments follow; one gain for each dimension, each example, or for all."""
    mixture, x, gain, offset = random_mixture(), torch.randn(BATCH, *EVENT), torch.randn(shape), torch.randn(shape)
    moved = mixture.affine(gain, offset)
    log_volume = gain.expand(BATCH, *EVENT).abs().log().flatten(1).sum(1)
    assert_close(moved.log_prob(gain * x + offset), mixture.log_prob(x) - log_volume)
    assert_close(moved.mean, gain * mixture.mean + offset)
    assert_close(moved.variance, gain**2 * mixture.variance)


def test_blurring_is_a_convolution() -> None:
    """p(x + n) = integral of p(x - n) N(n; 0, v) dn; means stay, variances add."""
    one, v = random_mixture((1,), batch=1), torch.tensor([[0.7]])
    nodes, weights = normal_grid(200)
    expected = torch.stack([one.log_prob(LINE[::100, None] - v.sqrt() * node).exp() for node in nodes], -1) @ weights
    assert_close(one.blurred(v).log_prob(LINE[::100, None]).exp(), expected)

    mixture, variance = random_mixture(), torch.rand(BATCH, *EVENT)
    assert_close(mixture.blurred(variance).mean, mixture.mean)
    assert_close(mixture.blurred(variance).variance, mixture.variance + variance)


def test_a_blurred_point_is_a_gaussian() -> None:
    q, gaussian, noise = random_gaussian(), random_gaussian(), torch.randn(BATCH, *EVENT)
    point = Mixture.point(gaussian.mean)
    assert torch.equal(point.mean, gaussian.mean) and torch.equal(point.variance, torch.zeros(BATCH, *EVENT))
    blurred = point.blurred(gaussian.std**2)
    for x in (q.mean, noise):
        assert_close(blurred.log_prob(x), gaussian.log_prob(x))
    assert_close(blurred.sample(noise), gaussian.sample(noise), atol=1e-6)


@pytest.mark.parametrize("copies", [1, 3])
def test_one_component_is_a_gaussian(copies) -> None:
    """In density, draws and, in expectation, divergence; so are three copies of it, but for which draw is which."""
    single = random_mixture(num=1)
    gaussian, q, noise = gaussian_of(single), random_gaussian(), 5 * torch.rand(BATCH, *EVENT) - 2.5
    weights = torch.log_softmax(torch.randn(copies), 0).expand(BATCH, *EVENT, copies)
    mixture = Mixture(weights, single.means, single.variances)  # broadcast over the components
    assert_close(mixture.log_prob(noise), gaussian.log_prob(noise))
    assert_close(mixture.mean, gaussian.mean)
    assert_close(mixture.variance, gaussian.std.expand(BATCH, *EVENT) ** 2)
    if copies == 1:
        assert_close(mixture.sample(noise), gaussian.sample(noise), atol=1e-6)

    # A draw is off by sum_i (n_i^2 - 1) (r_i - 1) / 2, r = std_q^2 / std_p^2: of mean 0 and variance (r_i - 1)^2 / 2.
    ratio = (q.std / gaussian.std) ** 2
    off = ((noise**2 - 1) * (ratio - 1) / 2).flatten(1).sum(1)
    assert_close(mixture.kl_from(q, noise), q.kl(gaussian) + off)
    assert_close(mixture.kl_from(q, torch.ones_like(noise)), gaussian.kl_from(q, noise))


def test_divergence_is_zero_where_there_is_none() -> None:
    single, noise = random_mixture(num=1), torch.randn(BATCH, *EVENT)
    assert_close(single.kl_from(gaussian_of(single), noise), 0.0)
    thrice = Mixture(torch.log_softmax(torch.randn(BATCH, *EVENT, 3), -1), single.means, single.variances)
    assert_close(thrice.kl_from(gaussian_of(single), noise), 0.0)


@pytest.mark.parametrize("std", [0.05, 0.5, 2.0])
def test_draws_of_the_divergence_are_unbiased(std) -> None:
    """E[kl_from] over white noise = integral of q log(q / p), in one dimension, by two quadratures; it is positive."""
    p, q = random_mixture((1,), batch=1), ndm.Gaussian(torch.randn(1, 1), torch.tensor([[std]]))
    nodes, weights = normal_grid(1000)
    draws = p.kl_from(q, nodes[:, None])
    log_q, log_p = on_a_line(q), on_a_line(p)
    expected = torch.trapezoid(log_q.exp() * (log_q - log_p), LINE)
    assert_close(weights @ draws, expected, rtol=1e-8)
    assert expected > 0
    assert_close(draws, p.kl_from(q, -nodes[:, None]))  # an antithetic pair


def test_divergence_adds_over_dimensions_and_leaves_examples_apart() -> None:
    p, q, noise = random_mixture(), random_gaussian(), torch.randn(BATCH, *EVENT)
    flat = Mixture(*(value.reshape(-1, 1, K) for value in (p.log_weights, p.means, p.variances)))
    each = flat.kl_from(ndm.Gaussian(q.mean.reshape(-1, 1), q.std.reshape(-1, 1)), noise.reshape(-1, 1))
    assert_close(p.kl_from(q, noise), each.reshape(BATCH, -1).sum(1))


def test_one_standard_deviation_serves_all_dimensions() -> None:
    """q's std may be one number for each example."""
    p, mean, noise = random_mixture(), torch.randn(BATCH, *EVENT), torch.randn(BATCH, *EVENT)
    std = torch.rand(BATCH, 1, 1) + 0.2
    assert_close(p.kl_from(ndm.Gaussian(mean, std), noise), p.kl_from(ndm.Gaussian(mean, std.expand_as(mean)), noise))


def test_samples_have_the_distribution_function() -> None:
    """Noise that is spread evenly by Phi gives samples that are spread evenly: nothing is left to chance."""
    num = 20_000
    u = (torch.arange(num) + 0.5) / num
    mixture = random_mixture((5,), batch=1)
    samples = repeated(mixture, num).sample(torch.special.ndtri(u)[:, None].expand(-1, 5))
    cdf = as_torch(mixture).cdf(samples).sort(0).values
    assert (cdf - u[:, None]).abs().max() < K / num


def test_samples_of_white_noise_have_the_moments() -> None:
    """Within 4 standard errors, and without correlation between dimensions."""
    mixture, num = random_mixture((3,), batch=1), 20_000
    standard = (repeated(mixture, num).sample(torch.randn(num, 3)) - mixture.mean) / mixture.variance.sqrt()
    assert (standard.mean(0).abs() < 4 / num**0.5).all()
    moments = standard.mT @ standard / num - torch.eye(3)
    error = torch.stack([(standard[:, i, None] * standard).std(0) for i in range(3)]) / num**0.5
    assert (moments.abs() < 4 * error).all()


def test_samples_grow_with_the_noise_inside_a_component() -> None:
    """Phi(noise) picks the component in order, and then its place: the k-th has the k-th share of the noise."""
    mixture, noise = random_mixture((1,), batch=1), torch.linspace(-6, 6, 4001)
    samples = repeated(mixture, len(noise)).sample(noise[:, None])[:, 0]
    edges = mixture.log_weights.exp().cumsum(-1).flatten()
    k = (torch.special.ndtr(noise)[:, None] >= edges[:-1]).sum(-1)
    assert set(k.tolist()) == set(range(K))
    for component in range(K):
        inside = samples[k == component]
        assert (inside.diff() > 0).all()
        z = (inside - mixture.means[0, 0, component]) / mixture.variances[0, 0, component].sqrt()
        assert z[0] < -2 and z[-1] > 2


def test_draws_are_finite_wherever_the_noise_lies() -> None:
    """In float32 too, and a component without weight is never drawn."""
    for dtype in (torch.float32, torch.float64):
        noise = torch.linspace(-8, 8, 801, dtype=dtype)[:, None]
        log_weights = torch.tensor([-200.0, 0.0, -200.0, -1e4], dtype=dtype).log_softmax(-1)
        mixture = Mixture(
            log_weights.expand(801, 1, 4),
            torch.tensor([-50.0, 1.0, 50.0, 90.0], dtype=dtype),
            torch.tensor(0.25, dtype=dtype),
        )
        samples = mixture.sample(noise)
        assert samples.dtype == dtype and samples.isfinite().all()
        assert_close(samples[80:-80], 1 + noise[80:-80] / 2, atol=1e-5)  # up to 6.4 standard deviations
        one = ndm.Gaussian(torch.ones(1, 1, dtype=dtype), torch.full((1, 1), 0.5, dtype=dtype))
        assert_close(mixture.kl_from(one, noise), 0.0, atol=1e-5)
