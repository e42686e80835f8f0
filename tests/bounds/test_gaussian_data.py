"""x ~ N(0, S), F(x, t) = A_t x and the exact predictor: every term of the bound in closed form."""

import pytest
import torch
from exact_models import (
    ONE,
    ZERO,
    assert_close,
    entropy,
    expected_bound,
    gauss_legendre,
    gaussian_model,
    growth,
    linear_transform,
    perturbed,
    random_covariance,
)
from torch import Tensor

import ndm
from ndm.parts.parameterisations import ScaledParameterisation
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility

ETAS = [0.3, 1.0, 2.0]


def trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)


class ClosedForm:
    """What the terms must be for A_t = I + M_1 t + M_2 t^2: F and its posterior have nothing of the library's."""

    def __init__(self, data: Tensor, *matrices: Tensor) -> None:
        self.data, self.matrices, self.eye = data, matrices, torch.eye(len(data))
        self.schedule = ndm.schedules.LinearSchedule()

    def a(self, t: Tensor) -> Tensor:
        """alpha_t / sigma_t."""
        return torch.exp(-(-13.3 + 18.3 * t) / 2)[:, None, None]

    def matrix(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """A_t and A'_t."""
        powers = list(enumerate(self.matrices, 1))
        t = t[:, None, None]
        return self.eye + sum(t**k * m for k, m in powers), sum(k * t ** (k - 1) * m for k, m in powers) + 0 * t

    def error(self, t: Tensor) -> Tensor:
        """Cov(x | z_t) = (S^-1 + a^2 A^T A)^-1, the covariance of x - x^."""
        matrix, _ = self.matrix(t)
        return torch.linalg.inv(torch.linalg.inv(self.data) + self.a(t) ** 2 * matrix.mT @ matrix)

    def continuous(self, eta: float) -> Tensor:
        """Integral of a^2 gamma' / (2 eta) tr(G C G^T), G = (1 + eta)/2 A - A' / gamma'."""
        t, weights = gauss_legendre()
        matrix, matrix_prime = self.matrix(t)
        g = (1 + eta) / 2 * matrix - matrix_prime / 18.3
        return weights @ (self.a(t)[:, 0, 0] ** 2 * 18.3 / (2 * eta) * trace(g @ self.error(t) @ g.mT))

    def discrete(self, eta: float, timesteps: int) -> Tensor:
        """Sum over the steps of tr(G C G^T) / (2 (1 - exp(-D))), G = a_s A_s - exp(-D/2) a_t A_t."""
        t = torch.arange(1, timesteps + 1) / timesteps
        s, d = t - 1 / timesteps, torch.tensor(eta * 18.3 / timesteps)
        g = self.a(s) * self.matrix(s)[0] - torch.exp(-d / 2) * self.a(t) * self.matrix(t)[0]
        return trace(g @ self.error(t) @ g.mT).sum() / (2 * -torch.expm1(-d))


def one_dimension() -> ClosedForm:
    return ClosedForm(torch.tensor([[2.3]]), torch.tensor([[0.5]]), torch.tensor([[-0.2]]))


def five_dimensions() -> ClosedForm:
    return ClosedForm(random_covariance(5), 0.4 * torch.randn(5, 5), 0.4 * torch.randn(5, 5))


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("case", [one_dimension, five_dimensions])
def test_diffusion_term(case, eta) -> None:
    """Continuous and discrete, from the posterior covariance alone."""
    exact = case()
    model = gaussian_model(
        exact.data, linear_transform(*exact.matrices), volatility=ndm.volatilities.ConstantVolatility(eta)
    )
    assert_close(expected_bound(model, exact.data).diffusion, exact.continuous(eta), rtol=1e-8)
    for timesteps in (1, 3, 50):
        bound = expected_bound(model, exact.data, timesteps)
        assert_close(bound.diffusion, exact.discrete(eta, timesteps), rtol=1e-8)


def gap(model: ndm.NeuralDiffusion, data: Tensor) -> Tensor:
    """KL(q(z_1) || p(z_1)) + E KL(q(x | z_0) || p(x | z_0)): all that a tight diffusion term leaves."""
    eye, first, last = torch.eye(len(data)), model.schedule(ZERO), model.schedule(ONE)
    matrix = model.transform(eye, ONE).mT
    last_covariance = last.alpha**2 * matrix @ data @ matrix.mT + last.sigma**2 * eye
    prior = 0.5 * (torch.trace(last_covariance) - len(data) - torch.logdet(last_covariance))
    decoder = 0.5 * torch.logdet(eye + torch.linalg.inv(data) / first.snr)
    return prior + decoder


def random_scaling() -> Transform:
    return perturbed(ndm.transforms.ScalingTransform((5,)), std=0.5)


@pytest.mark.parametrize(
    "transform, volatility",
    [
        (ndm.IdentityTransform, lambda: ndm.volatilities.ConstantVolatility(1.0)),
        (random_scaling, ndm.volatilities.MarkovVolatility),
    ],
    ids=["identity", "scaling"],
)
def test_bound_is_tight_for_a_markov_process(transform, volatility) -> None:
    """The reverse of a Markov diffusion is Markov: NELBO = entropy + what prior and decoder cost.

    For an elementwise linear F the matched volatility, one for each dimension, makes it Markov; S is correlated.
    """
    data = random_covariance(5)
    model = gaussian_model(data, transform(), volatility=volatility())
    total = expected_bound(model, data).total
    assert_close(total, entropy(data) + gap(model, data), rtol=1e-10)


@pytest.mark.parametrize(
    "transform, volatility",
    [
        (ndm.IdentityTransform, ndm.volatilities.ConstantVolatility(0.5)),
        (ndm.IdentityTransform, ndm.volatilities.ConstantVolatility(2.0)),
        (random_scaling, ndm.volatilities.ConstantVolatility(1.0)),
        (lambda: linear_transform(torch.randn(5, 5)), ndm.volatilities.ConstantVolatility(1.0)),
    ],
)
def test_bound_is_loose_otherwise(transform, volatility) -> None:
    """Where the process averaged over x is not Markov, even the exact predictor pays for it."""
    data = random_covariance(5)
    model = gaussian_model(data, transform(), volatility=volatility)
    assert expected_bound(model, data).total > entropy(data) + gap(model, data) + 1e-3


@pytest.mark.parametrize(
    "transform, volatility, expected",
    [
        (ndm.IdentityTransform, ndm.volatilities.ConstantVolatility(1.0), 1.835412),
        (growth, ndm.volatilities.ConstantVolatility(1.0), 1.839502),
        (growth, ndm.volatilities.MarkovVolatility(), 1.835585),
    ],
    ids=["identity", "growth", "growth-matched"],
)
def test_numbers_quoted_in_the_mathematics(transform, volatility: Volatility, expected: float) -> None:
    """Identity 3: x ~ N(0, 2.3), gamma = -13.3 + 18.3 t, F = x or (1 + t/2) x; exact -log p is 1.835393."""
    data = torch.tensor([[2.3]])
    model = gaussian_model(data, transform(), volatility=volatility)
    assert_close(expected_bound(model, data).total, expected, atol=1e-6, rtol=0)
    assert_close(entropy(data), 1.835393, atol=1e-6, rtol=0)


def test_default_form_is_exact_for_white_data() -> None:
    """A fresh scaled network predicts E[x | z_t] for x ~ N(0, s^2 I): the bound is tight untrained."""
    data = 2.3 * torch.eye(2)
    predictor = ndm.DirectPredictor(ndm.MLP((2,), width=8), ScaledParameterisation(2.3**0.5))
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), predictor, ndm.GaussianDecoder()
    )
    assert_close(expected_bound(model.eval(), data).total, entropy(data) + gap(model, data), rtol=1e-10)


@pytest.mark.parametrize("transform, invariant", [(ndm.IdentityTransform, True), (growth, False)])
def test_shape_of_the_schedule(transform, invariant) -> None:
    """For F = identity the continuous bound only sees the ends of gamma; another F moves along gamma, and sees more."""
    data, schedule, f = torch.tensor([[2.3]]), ndm.schedules.LearnedSchedule(num_pieces=1), transform()
    straight = expected_bound(gaussian_model(data, f, schedule), data).total.detach()
    with torch.no_grad():
        schedule.log_density[1] = 2.0
    bent = expected_bound(gaussian_model(data, f, schedule), data).total.detach()
    assert ((bent - straight).abs() < 1e-10) == invariant
