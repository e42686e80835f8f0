"""Steps made of posteriors: for independent dimensions that are known exactly, the bound is tight at every T."""

import pytest
import torch
from exact_models import assert_close, assert_first_order, perturbed
from independent import (
    NARROW,
    ORDERS,
    SHARES,
    WIDE,
    data_grid,
    data_of,
    entropy_of_levels,
    exact_model,
    expected_bound,
    gaussians_form,
    least_bound,
    levels_form,
    normal_grid,
)
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

import ndm
from ndm.bounds.bound import continuous_integrand, discrete_integrand
from ndm.parts.reverse_steps.mixture import MixtureReverseStep
from ndm.parts.reverse_steps.moments import MomentsReverseStep
from ndm.parts.time_functions import Pieces
from ndm.parts.transforms import Transform
from ndm.process.mixture import Mixture

PARAMETERISATIONS = {"levels": levels_form, "gaussians": gaussians_form}


def scaling() -> Transform:
    """A noise schedule for each dimension."""
    return perturbed(ndm.transforms.ScalingTransform((2,), functions=Pieces(3)), std=0.4)


MARKOV = {
    "identity": lambda: (ndm.IdentityTransform(), ndm.volatilities.ConstantVolatility(1.0)),
    "identity-markov": lambda: (ndm.IdentityTransform(), ndm.volatilities.MarkovVolatility()),
    "scaling-markov": lambda: (scaling(), ndm.volatilities.MarkovVolatility()),
}
NOT_MARKOV = {
    "identity-half": lambda: (ndm.IdentityTransform(), ndm.volatilities.ConstantVolatility(0.5)),
    "scaling-one": lambda: (scaling(), ndm.volatilities.ConstantVolatility(1.0)),
}


@pytest.mark.parametrize("process", MARKOV)
@pytest.mark.parametrize("timesteps", [1, 2, 5])
def test_bound_of_levels_is_their_entropy(process, timesteps) -> None:
    """E[NELBO] = E[-log p(x)] for every T, T = 1 included, where the ends of gamma lose nothing.

    Gaussian steps of the same means, with the best variances or q's, pay by nats.
    """
    model = exact_model(levels_form(), WIDE, *MARKOV[process](), MixtureReverseStep())
    assert_close(expected_bound(model, timesteps).total, entropy_of_levels(), rtol=0, atol=1e-6)
    model.reverse_step = MomentsReverseStep()
    moments = expected_bound(model, timesteps).total
    model.reverse_step = ndm.reverse_steps.PosteriorReverseStep()
    assert entropy_of_levels() + 1 < moments < expected_bound(model, timesteps).total - 1


@pytest.mark.parametrize("process", MARKOV)
@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
@pytest.mark.parametrize("timesteps", [1, 2, 5])
def test_bound_is_tight_for_any_ends(process, parameterisation, timesteps) -> None:
    """E[NELBO] = I(z_0; x) + KL(q(z_1) || p(z_1)) + L_rec for levels and for real values: the steps cost nothing."""
    model = exact_model(PARAMETERISATIONS[parameterisation](), NARROW, *MARKOV[process](), MixtureReverseStep())
    num, atol = (80, 1e-8) if parameterisation == "levels" else (30, 1e-5)  # errors of the trapezoidal rule
    assert_close(expected_bound(model, timesteps, num).total, least_bound(model), rtol=0, atol=atol)


@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
def test_least_bound_is_that_of_the_data_where_the_ends_lose_nothing(parameterisation) -> None:
    """E[-log p(x)], by torch.distributions for the real values: what the bounds above come down to."""
    expected = entropy_of_levels()
    if parameterisation == "gaussians":
        data, (x, weights) = data_of(gaussians_form()), data_grid(gaussians_form(), 200)
        density = MixtureSameFamily(Categorical(SHARES.expand(2, 3)), Normal(data.means, data.variances.sqrt()))
        expected = -(weights @ density.log_prob(x).sum(1))
    assert_close(least_bound(exact_model(PARAMETERISATIONS[parameterisation](), WIDE)), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("process", NOT_MARKOV)
@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
def test_bound_is_loose_otherwise(process, parameterisation) -> None:
    """Where z_t says something of x that z_s does not, even the exact posterior pays: the volatility has to match."""
    model = exact_model(PARAMETERISATIONS[parameterisation](), NARROW, *NOT_MARKOV[process](), MixtureReverseStep())
    assert expected_bound(model, 3, num=30).total > least_bound(model) + 0.01


def test_gaussian_steps_cost_more_for_real_values_too() -> None:
    model = exact_model(gaussians_form(), NARROW, *MARKOV["scaling-markov"]())
    totals = []
    for reverse_step in (MixtureReverseStep(), MomentsReverseStep(), ndm.reverse_steps.PosteriorReverseStep()):
        model.reverse_step = reverse_step
        totals.append(expected_bound(model, 2, num=30).total)
    assert totals[0] + 0.01 < totals[1] < totals[2] - 1


@pytest.mark.parametrize("reverse_step", [MixtureReverseStep, MomentsReverseStep])
@pytest.mark.parametrize("process", MARKOV | NOT_MARKOV)
@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
def test_discrete_bound_tends_to_the_continuous_one(parameterisation, process, reverse_step) -> None:
    """Identity 1: T KL(t - 1/T, t) / l(t) = 1 + c / T + O(1 / T^2), the KL averaged over z_s."""
    model = exact_model(
        PARAMETERISATIONS[parameterisation](), NARROW, *(MARKOV | NOT_MARKOV)[process](), reverse_step()
    )
    t, nodes, weights = torch.tensor([0.24, 0.48, 0.84]), *normal_grid(40)  # no knot k / 3 of F lies in a step
    x, noise = torch.tensor([[-1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.randn(3, 2)
    limit = continuous_integrand(model, model.curve(x), t, noise, None)

    def ratio(timesteps: int) -> Tensor:
        steps = (t * timesteps).round().long() - 1
        values = discrete_integrand(
            model,
            model.curve(x.repeat(40, 1)),
            steps.repeat(40),
            timesteps,
            noise.repeat(40, 1),
            nodes.repeat_interleave(3)[:, None].expand(-1, 2),
            None,
        )
        return weights @ values.reshape(40, 3) / limit

    assert_first_order(ratio(10_000) - 1, ratio(20_000) - 1, largest=0.05)


def posteriors(model: ndm.NeuralDiffusion, x: Tensor, noise: Tensor, s: Tensor, t: Tensor) -> tuple[Mixture, Mixture]:
    """The posterior of x at time t, and the deviation of the mean of the step to s under it."""
    posterior = model.predict(model.marginal(model.curve(x), t).sample(noise), t).posterior
    return posterior.x, model.kernel(x, s, t).deviation(posterior)


@pytest.mark.parametrize("process", MARKOV | NOT_MARKOV)
@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
def test_deviation_is_centred_and_its_gain_that_of_the_mean(parameterisation, process) -> None:
    """gain_i (x_i - x^_i), gain = alpha_s w(s) - c alpha_t w(t), c = (sigma_s / sigma_t) exp(-D / 2)."""
    model = exact_model(
        PARAMETERISATIONS[parameterisation](), NARROW, *(MARKOV | NOT_MARKOV)[process](), MixtureReverseStep()
    )
    s, t = torch.tensor([0.1, 0.3, 0.8]), torch.tensor([0.2, 0.9, 1.0])
    x, deviation = posteriors(model, torch.randn(3, 2), torch.randn(3, 2), s, t)
    assert_close(deviation.mean, 0.0)

    at_s, at_t = model.schedule(s), model.schedule(t)
    log_w_s, log_w_t = (model.transform.log_scale_with_velocity(u)[0].reshape(3, -1) for u in (s, t))
    span = (at_t.gamma - at_s.gamma)[:, None]
    d = {
        "identity": span,
        "identity-markov": span,
        "identity-half": span / 2,
        "scaling-one": span,
        "scaling-markov": span - 2 * (log_w_t - log_w_s),
    }[process]
    c = (at_s.sigma / at_t.sigma)[:, None] * torch.exp(-d / 2)
    gain = at_s.alpha[:, None] * log_w_s.exp() - c * at_t.alpha[:, None] * log_w_t.exp()
    assert_close(deviation.means, gain[..., None] * (x.means - x.mean[..., None]))
    assert_close(deviation.variances, gain[..., None] ** 2 * x.variances)
    assert_close(deviation.variance, gain**2 * x.variance)


@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
def test_moments_are_those_of_the_mixture(parameterisation) -> None:
    """w = v + Var(deviation), around the same mean."""
    model = exact_model(
        PARAMETERISATIONS[parameterisation](), NARROW, *MARKOV["scaling-markov"](), MixtureReverseStep()
    )
    z_t, step = torch.randn(4, 2), torch.arange(4)
    s, t = step / 4, (step + 1) / 4
    predicted = model.predict(z_t, t)
    q, deviation = model.posterior(z_t, predicted, s, t), model.kernel(z_t, s, t).deviation(predicted.posterior)
    mixture = model.reverse_kernel(z_t, predicted, step, 4)
    model.reverse_step = MomentsReverseStep()
    gaussian = model.reverse_kernel(z_t, predicted, step, 4)
    assert_close(gaussian.mean, q.mean)
    assert_close(gaussian.std**2, q.std**2 + deviation.variance)
    assert_close(mixture.mean, q.mean)
    assert_close(mixture.variance, gaussian.std**2)


@pytest.mark.parametrize("process", ["identity", "scaling-markov"])
def test_moments_have_the_best_variance_in_expectation(process) -> None:
    """E[Var(deviation)] = E[(mean of q - mean of p)^2] for an exact posterior: what `analytic` notes for each step."""
    num = 4000
    model = exact_model(
        levels_form(), NARROW, *MARKOV[process](), ndm.reverse_steps.AnalyticReverseStep((2,), 3)
    ).train()
    step, noise = torch.arange(3).repeat(num), torch.randn(3 * num, 2)
    x = data_of(levels_form()).means.mT[torch.multinomial(SHARES, 3 * num, replacement=True)]
    s, t, curve = step / 3, (step + 1) / 3, model.curve(x)
    with torch.no_grad():
        discrete_integrand(model, curve, step, 3, noise, noise, None)
        kernel, predicted = model.kernel(x, s, t), model.predict(model.marginal(curve, t).sample(noise), t)
        squared, predicted_square = (
            (value / kernel.std**2).reshape(num, 3, 2)
            for value in (kernel.shift(predicted - curve) ** 2, kernel.deviation(predicted.posterior).variance)
        )
    analytic = model.reverse_step.excess.value
    assert_close(analytic, squared.mean(0))
    error = (squared - predicted_square).std(0) / num**0.5
    assert ((analytic - predicted_square.mean(0)).abs() < 4 * error).all() and (error < 0.2 * analytic).all()


@pytest.mark.parametrize("timesteps", [1, 4])
def test_samples_of_few_steps_have_the_histogram_of_the_data(timesteps) -> None:
    """Of both dimensions together, within 4 standard errors; Gaussian steps miss it by far."""
    num = 6000
    model = exact_model(levels_form(), WIDE, *MARKOV["scaling-markov"](), MixtureReverseStep())
    joint = torch.zeros(3, 3)
    joint[ORDERS[0][:, None], ORDERS[1]] = SHARES[:, None] * SHARES  # of independent dimensions

    def deviations() -> Tensor:
        k = model.decoder.to_integers(ndm.samplers.Ancestral(model, timesteps)((num, 2), seed=1))
        shares = torch.bincount(3 * k[:, 0] + k[:, 1], minlength=9).reshape(3, 3) / num
        return (shares - joint).abs() / (joint * (1 - joint) / num).sqrt()

    assert deviations().max() < 4
    model.reverse_step = ndm.reverse_steps.PosteriorReverseStep()
    assert deviations().max() > 8


@pytest.mark.parametrize("reverse_step", [MixtureReverseStep, MomentsReverseStep])
@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
@pytest.mark.parametrize("timesteps", [1, 30, 1000])
def test_single_precision(parameterisation, reverse_step, timesteps) -> None:
    """gamma from -13.3 to 5: the mean over all steps agrees in float32 and float64 to 3e-5."""
    model = exact_model(
        PARAMETERISATIONS[parameterisation](), (-13.3, 5.0), *MARKOV["scaling-markov"](), reverse_step()
    )
    data, k = data_of(PARAMETERISATIONS[parameterisation]()), torch.multinomial(SHARES, 10_000, replacement=True)
    x = data.means.mT[k] + data.variances.sqrt().mT[k] * torch.randn(10_000, 2)
    noise, noise_s = torch.randn(2, 10_000, 2)
    means = []
    for dtype in (torch.float64, torch.float32):
        with torch.no_grad():
            values = discrete_integrand(
                model.to(dtype),
                model.curve(x.to(dtype)),
                torch.arange(10_000) % timesteps,
                timesteps,
                noise.to(dtype),
                noise_s.to(dtype),
                None,
            )
        assert values.dtype == dtype
        means.append(values.double().mean())
    assert_close(means[1], means[0], rtol=3e-5)


@pytest.mark.parametrize("reverse_step", [MixtureReverseStep, MomentsReverseStep])
@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
def test_mixed_precision_leaves_the_bound_alone(parameterisation, reverse_step) -> None:
    """Under autocast a network that says nothing says exactly nothing, and Bayes' rule is not rounded."""
    torch.set_default_dtype(torch.float32)
    model = exact_model(
        PARAMETERISATIONS[parameterisation](), NARROW, *MARKOV["scaling-markov"](), reverse_step()
    ).float()
    x = data_of(PARAMETERISATIONS[parameterisation]()).means.mT[torch.randint(0, 3, (64,))].float()

    def total() -> Tensor:
        return ndm.bound(model, x, timesteps=4, generator=torch.Generator().manual_seed(0)).total

    plain = total()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = total()
    assert plain.dtype == mixed.dtype == torch.float32
    assert torch.equal(plain, mixed)
