"""Bayes' rule in the Gaussian-mixture form, against quadrature, and its start from the data's histogram."""

import numpy as np
import pytest
import torch
from exact_models import assert_close, perturbed
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.bounds.bound import discrete_integrand
from ndm.parts.parameterisations.gaussian_mixture import GaussianMixtureParameterisation
from ndm.parts.schedules import NoiseLevel

K = 5
LEAST_VARIANCE = 1e-6
LINE = torch.linspace(-12, 12, 6001, dtype=torch.float64)


def level(gamma: Tensor) -> NoiseLevel:
    """Of a variance-preserving schedule."""
    return NoiseLevel(gamma, torch.ones_like(gamma), torch.sigmoid(-gamma).sqrt(), torch.sigmoid(gamma).sqrt())


def random_form(event_shape: tuple[int, ...]) -> GaussianMixtureParameterisation:
    return perturbed(GaussianMixtureParameterisation(event_shape, K), std=0.5)


def prior(form: GaussianMixtureParameterisation, outputs: Tensor | None = None) -> MixtureSameFamily:
    """The prior of each dimension before z_t is seen, given a network's outputs (B, 3 K, *event)."""
    log_weights, shifts, log_stds = (0, 0, 0) if outputs is None else outputs.movedim(1, -1).chunk(3, dim=-1)
    means = form.first_means + form.first_stds * (form.shifts + shifts)
    stds = (torch.exp(2 * (form.log_stds + 5 * torch.tanh(torch.as_tensor(log_stds) / 5))) + LEAST_VARIANCE).sqrt()
    return MixtureSameFamily(Categorical(logits=form.log_weights + log_weights), Normal(means, stds))


@pytest.mark.parametrize("shape", ["example", "dimension"])
@pytest.mark.parametrize("gamma", [-3.0, 0.0, 4.0])
def test_the_posterior_is_bayes_rule(gamma, shape) -> None:
    """p(x | z) = N(z; alpha x, sigma^2) p(x) / integral, by quadrature in each dimension, whatever the outputs."""
    form, z = random_form((2, 2)), torch.randn(3, 2, 2)
    at = level(gamma + torch.rand(3) if shape == "example" else gamma + torch.rand(3, 2, 2))
    outputs = 0.5 * torch.randn(3, form.num_outputs, 2, 2)
    posterior = form.posterior(z, outputs, at)

    alpha, sigma = (value.reshape(3, *[1, 1] if shape == "example" else [2, 2]) for value in (at.alpha, at.sigma))
    x = LINE.reshape(-1, 1, 1, 1)
    joint = (prior(form, outputs).log_prob(x) + Normal(alpha * x, sigma).log_prob(z)).exp()
    expected = joint / torch.trapezoid(joint, LINE, dim=0)

    density = torch.stack(
        [
            torch.logsumexp(
                posterior.log_weights + Normal(posterior.means, posterior.variances.sqrt()).log_prob(point), -1
            )
            for point in LINE[::50]
        ]
    ).exp()
    assert_close(density, expected[::50], rtol=1e-7, atol=1e-9)
    assert_close(posterior.mean, torch.trapezoid(expected * x, LINE, dim=0), rtol=1e-7)
    spread = torch.trapezoid(expected * (x - posterior.mean) ** 2, LINE, dim=0)
    assert_close(posterior.variance, spread, rtol=1e-6)


@pytest.mark.parametrize("spike", [1e2, 1e4, -1e4])
def test_a_spike_of_the_network_gives_a_large_bound_and_not_nan(spike) -> None:
    """In float32, as it is trained; the gradient, too, so that clipping can do its work."""
    form = GaussianMixtureParameterisation((3,), K).float()
    z, outputs = torch.randn(4, 3).float(), (spike * torch.randn(4, form.num_outputs, 3)).float().requires_grad_()
    posterior = form.posterior(z, outputs, level(torch.linspace(-10, 5, 4).float()))
    assert all(value.isfinite().all() for value in (posterior.log_weights, posterior.mean, posterior.variance))
    posterior.blurred(torch.full_like(z, 1e-4)).log_prob(z).sum().backward()
    assert outputs.grad.isfinite().all()


def test_network_sees_the_mean_without_its_own_word() -> None:
    form, z, at = random_form((3,)), torch.randn(4, 3), level(torch.randn(4))
    zero = torch.zeros(4, form.num_outputs, 3)
    assert_close(form.network_input(z, at), form.posterior(z, zero, at).mean)
    assert (form.posterior(z, zero + 0.1, at).mean - form.network_input(z, at)).abs().min() > 1e-3


def test_a_posterior_is_between_the_latent_and_the_prior() -> None:
    """x^ -> z / alpha without noise, the prior's mean without signal."""
    form, z = random_form((3,)), torch.randn(4, 3)
    zero = torch.zeros(4, form.num_outputs, 3)
    clean, noisy = (level(torch.full((4,), gamma)) for gamma in (-30.0, 30.0))
    assert_close(form.posterior(z, zero, clean).mean, z / clean.alpha[:, None], rtol=0, atol=1e-5)
    assert_close(form.posterior(z, zero, noisy).mean, prior(form).mean.expand(4, 3), rtol=0, atol=1e-5)
    assert_close(form.posterior(z, zero, noisy).variance, prior(form).variance.expand(4, 3), rtol=0, atol=1e-5)
    assert (form.posterior(z, zero, clean).variance < 1e-10).all()


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_starts_as_a_fit_to_the_data(scale) -> None:
    """Three Gaussians that all dimensions share, in shares of each dimension's own, are found again."""
    means, stds = scale * torch.tensor([-1.5, 0.0, 1.0]), scale * torch.tensor([0.2, 0.1, 0.3])
    shares = torch.tensor([[[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]]])  # of events (1, 2)
    k = torch.multinomial(shares[0], 2000, replacement=True).mT[:, None]
    form = GaussianMixtureParameterisation((1, 2), 3)
    form.initialise(means[k] + stds[k] * torch.randn(2000, 1, 2))
    assert_close(form.log_weights.exp(), shares, rtol=0, atol=0.05)
    assert_close(prior(form).component_distribution.mean, means.expand(1, 2, 3), rtol=0, atol=0.05 * scale)
    assert_close(form.log_stds.exp(), stds.expand(1, 2, 3), rtol=0.15, atol=0)


@pytest.mark.parametrize("event_shape", [(3,), (1, 2, 2)], ids=str)
def test_starts_as_the_histogram_of_each_dimension(event_shape) -> None:
    """Roughly for each, as the components are shared, and closely for all values together; no seed plays a part."""
    size = int(np.prod(event_shape))
    x = torch.cat([torch.randn(600, size), torch.rand(400, size) + torch.arange(size)]).reshape(1000, *event_shape)
    forms = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        forms.append(GaussianMixtureParameterisation(event_shape, 8))
        forms[-1].initialise(x)
    assert all(torch.equal(a, b) for a, b in zip(*(form.state_dict().values() for form in forms), strict=True))
    start, values = prior(forms[0]), x.sort(0).values
    each = start.cdf(values) - (torch.arange(1000) + 0.5).reshape(-1, *[1] * len(event_shape)) / 1000
    values = x.flatten().sort().values.reshape(-1, *[1] * len(event_shape))
    overall = start.cdf(values).flatten(1).mean(1) - (torch.arange(len(values)) + 0.5) / len(values)
    assert each.abs().max() < 0.15 and overall.abs().max() < 0.02
    assert_close(forms[0].log_weights.exp().sum(-1), 1.0)


def test_a_fit_gives_no_dimension_up_for_lost() -> None:
    """A component that a dimension has no example of keeps a little weight there."""
    x = torch.stack([torch.randn(500) - 8, torch.randn(500) + 8], -1)
    form = GaussianMixtureParameterisation((2,), 2)
    form.initialise(x)
    assert (form.log_weights.exp().amin(-1) > 1e-4).all() and (form.log_weights.exp().amax(-1) > 0.99).all()
    assert torch.equal(form.log_weights.argmax(-1), torch.tensor([0, 1]))


def test_data_of_one_value_have_a_fit() -> None:
    form = GaussianMixtureParameterisation((2,), 3)
    form.initialise(torch.full((10, 2), -1.0))
    posterior = form.posterior(torch.randn(4, 2), torch.zeros(4, 9, 2), level(torch.zeros(4)))
    assert posterior.mean.isfinite().all() and (posterior.variance > 0).all()
    with pytest.raises(InputError, match="num_components = 0"):
        GaussianMixtureParameterisation((2,), 0)


@pytest.mark.parametrize("gamma", [-13.0, 0.0, 8.0])
@pytest.mark.parametrize("reverse_step", ["mixture", "moments"])
def test_gradients_are_finite_in_single_precision(gamma, reverse_step) -> None:
    """Of a step that ends at that noise level, in the form and in the network's outputs, far from the data as well."""
    torch.set_default_dtype(torch.float32)
    kind = axes.REVERSE_STEPS.find(reverse_step)
    form = GaussianMixtureParameterisation((3,), 8)
    form.initialise(torch.randn(100, 3))
    predictor = perturbed(ndm.DirectPredictor(ndm.MLP((3,), form.num_outputs, width=8, depth=1), form))
    ends = (gamma, gamma + 4.0) if gamma < 0 else (gamma - 4.0, gamma)
    model = ndm.NeuralDiffusion(
        ndm.schedules.LearnedSchedule(*ends),
        perturbed(ndm.transforms.ScalingTransform((3,))),
        predictor,
        ndm.GaussianDecoder(),
        ndm.volatilities.MarkovVolatility(),
        kind(),
    )
    x = torch.cat([torch.randn(16, 3), 30 * torch.randn(4, 3)])
    largest = dict.fromkeys((name for name, _ in model.named_parameters()), 0.0)
    for timesteps in (1, 4):  # how a schedule goes between its ends does not matter to one step
        values = discrete_integrand(
            model, model.curve(x), torch.arange(20) % timesteps, timesteps, torch.randn(20, 3), torch.randn(20, 3), None
        )
        assert values.isfinite().all() and values.dtype == torch.float32
        for name, parameter in model.named_parameters():
            (gradient,) = torch.autograd.grad(values.sum(), parameter, retain_graph=True)
            assert gradient.isfinite().all(), name
            largest[name] = max(largest[name], float(gradient.abs().max()))
    assert all(largest.values()), largest
