"""Models of data with independent dimensions, which know each one's distribution: their posteriors are exact."""

import math

import torch
from exact_models import ONE, ZERO
from torch import Tensor

import ndm
from ndm.bounds.bound import discrete_integrand
from ndm.parts.parameterisations.categorical import CategoricalParameterisation
from ndm.parts.parameterisations.gaussian_mixture import GaussianMixtureParameterisation
from ndm.parts.parameterisations.parameterisation import Parameterisation
from ndm.parts.reverse_steps import ReverseStep
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility
from ndm.process.mixture import Mixture

SHARES = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)  # of the components of every dimension
ORDERS = torch.tensor([[0, 1, 2], [2, 0, 1]])  # level of each component, for each of two dimensions
LEVELS = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
MEANS = torch.tensor([[-1.2, 0.1, 1.3], [0.9, -0.8, 0.0]], dtype=torch.float64)
STDS = torch.tensor([[0.5, 0.3, 0.4], [0.4, 0.5, 0.7]], dtype=torch.float64)
WIDE, NARROW = (-12.0, 14.0), (-4.0, 3.0)  # ends of gamma: nothing is lost, and what is lost is known


def levels_form() -> CategoricalParameterisation:
    """Three levels with frequencies 0.2, 0.5 and 0.3, in another order in each dimension."""
    form = CategoricalParameterisation((2,), 3)
    with torch.no_grad():
        form.theta.scatter_(1, ORDERS, SHARES.log().expand(2, 3).to(form.theta))
    return form


def gaussians_form() -> GaussianMixtureParameterisation:
    """Three Gaussians of those shares in each dimension."""
    form = GaussianMixtureParameterisation((2,), 3)
    with torch.no_grad():
        form.log_weights.copy_(SHARES.log())
        form.shifts.copy_((MEANS - form.first_means) / form.first_stds)
        form.log_stds.copy_(0.5 * torch.log(STDS**2 - 1e-6))  # its least variance comes on top
    return form


def data_of(form: Parameterisation) -> Mixture:
    """The distribution of the data that such a form knows, (2 dimensions, 3 components)."""
    if isinstance(form, CategoricalParameterisation):
        return Mixture(SHARES.log().expand(2, 3), LEVELS[ORDERS], torch.zeros(2, 3))
    return Mixture(SHARES.log().expand(2, 3), MEANS, STDS**2)


def exact_model(
    form: Parameterisation,
    ends: tuple[float, float],
    transform: Transform | None = None,
    volatility: Volatility | None = None,
    reverse_step: ReverseStep | None = None,
) -> ndm.NeuralDiffusion:
    """The form, and a network that adds nothing to it."""
    predictor = ndm.DirectPredictor(ndm.MLP((2,), form.num_outputs, width=4, depth=0), form)
    decoder = ndm.DiscretisedDecoder(3) if isinstance(form, CategoricalParameterisation) else ndm.GaussianDecoder()
    return ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(*ends),
        transform or ndm.IdentityTransform(),
        predictor,
        decoder,
        volatility or ndm.volatilities.ConstantVolatility(1.0),
        reverse_step,
    ).eval()


def normal_grid(num: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the trapezoidal rule for E[f(noise)]: exact to rounding where f is smooth."""
    nodes = torch.linspace(-8.5, 8.5, num)
    weights = torch.exp(-0.5 * nodes**2)
    return nodes, weights / weights.sum()


def data_grid(form: Parameterisation, num: int) -> tuple[Tensor, Tensor]:
    """Data (N, 2) and their weights (N,).

    Both dimensions take their k-th component, and the same place in it, together: the terms of the bound are sums
    over the dimensions, whose expectation does not ask whether they are independent.
    """
    data = data_of(form)
    nodes, weights = (
        (torch.zeros(1), torch.ones(1)) if isinstance(form, CategoricalParameterisation) else normal_grid(num)
    )
    x = data.means.mT[:, None] + data.variances.sqrt().mT[:, None] * nodes[:, None]
    return x.reshape(-1, 2), (SHARES[:, None] * weights).flatten()


@torch.no_grad()
def expected_ends(model: ndm.NeuralDiffusion, num: int) -> tuple[Tensor, Tensor]:
    """The prior and the reconstruction term, averaged over data and noise by the trapezoidal rule."""
    (x, shares), (nodes, weights) = data_grid(model.predictor.parameterisation, num), normal_grid(num)
    pairs, noise = x.repeat_interleave(num, 0), nodes.repeat(len(x))[:, None].expand(-1, 2)
    reconstruction = model.decoder.reconstruction(pairs, model.schedule(ZERO), noise).reshape(-1, num)
    return shares @ model.marginal(model.curve(x), ONE).kl(model.prior(x)), shares @ reconstruction @ weights


@torch.no_grad()
def expected_bound(model: ndm.NeuralDiffusion, timesteps: int, num: int = 80) -> ndm.Bound:
    """The bound's three terms averaged over data and noise, that of z_s as well, by the trapezoidal rule."""
    (x, shares), (nodes, weights) = data_grid(model.predictor.parameterisation, num), normal_grid(num)
    half = nodes[num // 2 :]  # draws of a divergence are even in the noise of z_s
    latents = x.repeat_interleave(num * len(half), 0)
    noise_t = nodes.repeat_interleave(len(half)).repeat(len(x))[:, None].expand(-1, 2)
    noise_s = half.repeat(len(x) * num)[:, None].expand(-1, 2)
    diffusion = torch.zeros(())
    for step in range(timesteps):
        values = discrete_integrand(
            model, model.curve(latents), torch.full((len(latents),), step), timesteps, noise_t, noise_s, None
        )
        diffusion += shares @ (values.reshape(len(x), num, -1) @ weights[num // 2 :] * 2) @ weights / timesteps
    prior, reconstruction = expected_ends(model, num)
    return ndm.Bound(prior, diffusion, reconstruction)


def latent(model: ndm.NeuralDiffusion, t: Tensor) -> Mixture:
    """The distribution of z_t, (2 dimensions, 3 components)."""
    level = model.schedule(t)
    scale = model.transform.response(model.transform.curve(torch.ones(1, 2)), torch.ones(1, 2))(t)[0]
    return (
        data_of(model.predictor.parameterisation)
        .affine(level.alpha * scale, torch.zeros(2))
        .blurred(level.sigma.expand(2) ** 2)
    )


def entropy(mixture: Mixture) -> Tensor:
    """The sum of the differential entropies of the dimensions (d, K), by the trapezoidal rule."""
    x = torch.linspace(-12, 12, 40_001)
    total = torch.zeros(())
    for i in range(len(mixture.means)):
        one = Mixture(mixture.log_weights[i], mixture.means[i], mixture.variances[i])
        log_density = one.log_prob(x[:, None])
        total -= torch.trapezoid(log_density.exp() * log_density, x)
    return total


@torch.no_grad()
def least_bound(model: ndm.NeuralDiffusion) -> Tensor:
    """I(z_0; x) + KL(q(z_1) || p(z_1)) + L_rec: no chain through these ends has a lower bound, with any steps."""
    at_0, at_1 = latent(model, ZERO), latent(model, ONE)
    sigma_0 = model.schedule(ZERO).sigma
    information = entropy(at_0) - 2 * 0.5 * torch.log(2 * math.pi * math.e * sigma_0**2)
    prior = (0.5 * (at_1.variance + at_1.mean**2) + 0.5 * math.log(2 * math.pi)).sum() - entropy(at_1)
    return information + prior + expected_ends(model, 80)[1]


def entropy_of_levels() -> Tensor:
    """Of both dimensions: the least expected -log p(x)."""
    return -2 * (SHARES * SHARES.log()).sum()
