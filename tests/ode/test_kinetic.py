"""Dynamic optimal transport: the kinetic energy, its gradient, and the paths of the ODE, against closed forms."""

import pytest
import torch
from exact_models import (
    assert_close,
    derivative,
    gauss_legendre,
    gaussian_model,
    growth,
    small_transform,
    squashing_model,
)
from torch import Tensor

import ndm
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.ode.kinetic_energy import kinetic_energy

DATA = torch.tensor([[2.3]], dtype=torch.float64)


def deviation(model: ndm.NeuralDiffusion, t: Tensor) -> Tensor:
    """s_t, the standard deviation of z_t for F(x, t) = w(t) x and x ~ N(0, 2.3): s^2 = alpha^2 w^2 2.3 + sigma^2."""
    level = model.schedule(t)
    w = model.transform(torch.ones(len(t), 1), t)[:, 0]
    return (level.alpha**2 * w**2 * DATA[0, 0] + level.sigma**2).sqrt()


def energy(model: ndm.NeuralDiffusion) -> Tensor:
    """K = integral of s'^2 dt: the velocity of a Gaussian law N(0, s_t^2) is (s' / s) z."""
    times, weights = gauss_legendre(200)
    return weights @ derivative(lambda t: deviation(model, t), times) ** 2


def model_of_growth() -> ndm.NeuralDiffusion:
    return gaussian_model(DATA, growth(), ndm.schedules.CosineSchedule(-5.0, 4.0))


def draws(model: ndm.NeuralDiffusion, number: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = DATA.sqrt() * torch.randn(number, 1, generator=generator)
    return kinetic_energy(model, x, generator=generator)


def test_the_energy_of_gaussian_data() -> None:
    model = model_of_growth()
    found = draws(model, 200_000).detach()
    error = found.std() / len(found) ** 0.5
    assert error < 0.02 * energy(model)
    assert (found.mean() - energy(model)).abs() < 4 * error


def test_a_wrong_predictor_gives_less() -> None:
    model = squashing_model(growth(), ndm.schedules.CosineSchedule(-5.0, 4.0))
    found = draws(model, 50_000).detach()
    assert found.mean() + 4 * found.std() / len(found) ** 0.5 < energy(model)


def test_the_gradient_is_that_of_the_energy() -> None:
    """dK / dtheta by central differences of the closed form, the exact predictor following theta."""
    model = gaussian_model(DATA, growth(), ndm.schedules.LinearSchedule(-2.0, 3.0))
    theta, data = model.transform.log_scale, torch.Generator().manual_seed(0)
    gradients = []
    for _ in range(10):
        x = DATA.sqrt() * torch.randn(20_000, 1, generator=data)
        gradients.append(torch.autograd.grad(kinetic_energy(model, x, generator=data).mean(), theta)[0].squeeze())

    def at(value: Tensor) -> Tensor:
        with torch.no_grad():
            theta.fill_(float(value))
            return energy(model)

    expected = derivative(at, theta.detach().squeeze().clone(), 1e-3)
    found = torch.stack(gradients)
    error = found.std() / len(found) ** 0.5
    assert error < 0.02 * expected.abs()
    assert (found.mean() - expected).abs() < 4 * error


@pytest.mark.parametrize("name", ["scaling", "series", "residual"])
@pytest.mark.parametrize("predictor", [ndm.DirectPredictor, ndm.predictors.PlugInPredictor])
def test_only_the_transformation_has_a_gradient(name, predictor) -> None:
    transform = small_transform(name)
    model = ndm.NeuralDiffusion(
        ndm.LearnedLinearSchedule(-5.0, 4.0),
        transform,
        predictor.from_spec(Spec((3,)), transform=transform, network="mlp", width=16, depth=1),
        ndm.GaussianDecoder(),
        ndm.volatilities.LearnedVolatility(),
    ).double()
    before = {parameter: parameter.requires_grad for parameter in model.parameters()}
    kinetic_energy(model, torch.randn(5, 3)).mean().backward()
    given = {key for key, parameter in model.named_parameters() if parameter.grad is not None}
    assert given and all(key.startswith("transform.") for key in given)
    assert all(parameter.requires_grad == before[parameter] for parameter in model.parameters())


def test_a_frozen_transformation_stays_frozen() -> None:
    model = model_of_growth()
    model.transform.requires_grad_(False)
    assert not draws(model, 8).requires_grad and not model.transform.log_scale.requires_grad


def test_paths_of_gaussian_data() -> None:
    """z_t = z_1 s_t / s_1."""
    model, z_1 = model_of_growth(), torch.tensor([[0.3], [-1.7], [0.9]])
    found = ndm.transport(model, z_1, solver=ndm.ode.solvers.Adaptive(rtol=1e-10, atol=1e-10))
    start, end = deviation(model, torch.tensor([0.0, 1.0]))
    assert_close(found.z_0, z_1 * start / end, rtol=1e-8)
    assert_close(found.displacement, z_1[:, 0] ** 2 * (1 - start / end) ** 2, rtol=1e-8)
    assert_close(found.energy, z_1[:, 0] ** 2 / end**2 * energy(model), rtol=1e-6)
    assert (found.straightness > 0).all()


def test_lines_are_straight() -> None:
    """Flow matching to a point: dz/dt = (1 - sigma_min) eps - x^ does not change along the way."""
    model = ndm.NeuralDiffusion(
        ndm.schedules.FlowSchedule(),
        ndm.IdentityTransform(),
        lambda z_t, t, cond: torch.full_like(z_t, 0.7),
        ndm.GaussianDecoder(),
    ).eval()
    found = ndm.transport(model, torch.randn(6, 2))
    assert_close(found.energy, found.displacement, rtol=1e-5, atol=1e-5)
    assert_close(found.straightness, 0.0, atol=1e-5)


def test_the_energy_is_at_least_that_of_the_optimal_transport() -> None:
    """W_2^2(N(0, s_0^2), N(0, s_1^2)) = (s_1 - s_0)^2."""
    model = model_of_growth()
    start, end = deviation(model, torch.tensor([0.0, 1.0]))
    assert energy(model) > (end - start) ** 2


def test_a_dear_path_is_evaluated_once() -> None:
    transform = small_transform("residual")
    calls = []
    transform.network.register_forward_hook(lambda *call: calls.append(call))
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(-5.0, 4.0),
        transform,
        ndm.DirectPredictor.from_spec(Spec((3,)), transform=transform, network="mlp", width=16, depth=1),
        ndm.GaussianDecoder(),
    )
    kinetic_energy(model, torch.randn(5, 3))
    assert len(calls) == 1


@pytest.mark.parametrize(
    "wrong, said",
    [
        (torch.full((3, 1), torch.nan), "NaN"),
        (torch.zeros(0, 1), "empty"),
        (torch.zeros(3), r"\(N, \*event\)"),
        (torch.zeros(3, 1, dtype=torch.int64), "int64"),
    ],
)
def test_what_is_no_data_is_refused(wrong, said) -> None:
    model = squashing_model(growth())
    for function in (kinetic_energy, ndm.transport):
        with pytest.raises(InputError, match=said):
            function(model, wrong)
