"""The density of the ODE: closed forms, independence of the batch, every transformation, dequantised levels."""

import math

import pytest
import torch
from exact_models import (
    ONE,
    ZERO,
    assert_close,
    correlated,
    gaussian_model,
    growth,
    levels_model,
    perturbed,
    small_transform,
    squashing_model,
)
from torch import Tensor
from torchdiffeq import odeint

import ndm
from ndm.base.errors import InputError
from ndm.ode.divergences import quadratic_forms
from ndm.ode.solvers.adaptive import METHODS as ADAPTIVE
from ndm.ode.solvers.fixed import METHODS as FIXED

DATA = torch.tensor([[2.3]], dtype=torch.float64)
X = torch.tensor([[-2.0], [0.3], [1.1], [4.0]], dtype=torch.float64)
TIGHT = {"rtol": 1e-9, "atol": 1e-9}


def pushed(model: ndm.NeuralDiffusion, x: Tensor) -> Tensor:
    """log p(x) where the ODE is linear, z_1 = z_0 s_1 / s_0, with s_t the standard deviation of z_t."""

    def std(t: Tensor) -> Tensor:
        level = model.schedule(t)
        scale = model.transform(torch.ones(1, 1), t)[0, 0]
        return (level.alpha**2 * scale**2 * DATA[0, 0] + level.sigma**2).sqrt()

    alpha_0, ratio = model.schedule(ZERO).alpha, std(ONE) / std(ZERO)
    z_1 = alpha_0 * x[:, 0] * ratio
    return -0.5 * z_1**2 - 0.5 * math.log(2 * math.pi) + (ratio * alpha_0).log()


@pytest.mark.parametrize("method", ADAPTIVE)
@pytest.mark.parametrize("path", [ndm.IdentityTransform, growth])
def test_gaussian_data_in_closed_form(method, path) -> None:
    model = gaussian_model(DATA, path(), ndm.schedules.LinearSchedule(-6.0, 4.0))
    tolerance = 1e-9 if ADAPTIVE[method].order > 4 else 1e-5
    found = ndm.ode_likelihood(model, X, solver=ndm.ode.solvers.Adaptive(method, tolerance, tolerance))
    assert_close(found.log_prob, pushed(model, X).detach(), rtol=100 * tolerance, atol=100 * tolerance)
    assert (found.evaluations > 10).all() and found.divergence == "exact" and found.dequantisation == "none"


@pytest.mark.parametrize(
    "schedule",
    [
        lambda: ndm.schedules.CosineSchedule(-6.0, 4.0),
        lambda: ndm.schedules.FlowSchedule(0.05),
        lambda: ndm.schedules.LearnedSchedule(-6.0, 4.0),
    ],
    ids=["cosine", "flow", "learned"],
)
def test_every_schedule(schedule) -> None:
    model = gaussian_model(DATA, schedule=schedule())
    assert_close(
        ndm.log_prob(model, X, solver=ndm.ode.solvers.Adaptive(**TIGHT)),
        pushed(model, X).detach(),
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("method", FIXED)
def test_fixed_steps_converge_with_their_order(method) -> None:
    """The slope of log error over log step, between 40 and 160 steps."""
    model, order = gaussian_model(DATA, schedule=ndm.schedules.LinearSchedule(-4.0, 3.0)), FIXED[method].order
    steps = [40, 80, 160]
    errors = [
        (ndm.log_prob(model, X, solver=ndm.ode.solvers.Fixed(n, method)) - pushed(model, X)).abs().max().item()
        for n in steps
    ]
    slope = math.log(errors[0] / errors[-1]) / math.log(steps[-1] / steps[0])
    assert order - 0.25 < slope < order + 0.6, f"{method}: order {slope:.2f} of {order}"


def test_the_density_integrates_to_one() -> None:
    """A wrong, non-linear predictor gives a density all the same."""
    model = squashing_model(schedule=ndm.schedules.LinearSchedule(-3.0, 2.0))
    x = torch.linspace(-12, 12, 2401)[:, None]
    density = ndm.log_prob(model, x, solver=ndm.ode.solvers.Adaptive(**TIGHT)).exp()
    assert_close(torch.trapezoid(density, x[:, 0]), 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", ["identity", "scaling", "series", "residual"])
@pytest.mark.parametrize("predictor", [ndm.predictors.PlugInPredictor, ndm.DirectPredictor])
def test_the_divergence_of_every_transformation(name, predictor) -> None:
    """By central differences of the velocity; the residual network's velocity is itself a forward derivative."""
    transform = small_transform(name, (3,))
    outputs = 1 + (transform.num_heads or 0) * (predictor is ndm.DirectPredictor)
    network = perturbed(ndm.MLP((3,), outputs, width=16, depth=1))
    model = (
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(-5.0, 3.0), transform, predictor(network), ndm.GaussianDecoder()
        )
        .double()
        .eval()
    )
    z, t, step = torch.randn(4, 3), torch.tensor([0.1, 0.4, 0.6, 0.9]), 1e-5
    units = torch.eye(3).expand(4, 3, 3)
    _, forms = quadratic_forms(lambda z: model.predicted_velocity(z, t, None), z, units)
    for i in range(3):
        shift = step * torch.eye(3)[i]
        ahead, behind = (model.predicted_velocity(z + way, t, None) for way in (shift, -shift))
        central = (ahead - behind)[:, i] / (2 * step)
        assert_close(forms[:, i], central.detach(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("divergence", [ndm.ode.divergences.Hutchinson, ndm.ode.divergences.Gaussian])
def test_probes_are_unbiased_and_their_error_honest(divergence) -> None:
    model, x = correlated(), torch.randn(50, 2)
    exact = ndm.log_prob(model, x)
    found = ndm.ode_likelihood(model, x, divergence=divergence(64))
    deviation = (found.log_prob - exact) / found.standard_error
    assert (deviation.abs() < 4.5).all() and 0.6 < deviation.square().mean() < 1.7
    assert (found.standard_error > 0).all()


@pytest.mark.parametrize("divergence", ["exact", "hutchinson", "gaussian"])
@pytest.mark.parametrize("solver", [ndm.ode.solvers.Adaptive(), ndm.ode.solvers.Fixed(20)], ids=repr)
def test_an_example_does_not_depend_on_its_neighbours(divergence, solver) -> None:
    """Neither on how hard they are (one lies far out), nor on its own place among them."""
    model = squashing_model(schedule=ndm.schedules.LinearSchedule(-8.0, 4.0))
    x = torch.cat([torch.randn(5, 2), torch.full((1, 2), 30.0)])
    together = ndm.ode_likelihood(model, x, divergence=divergence, solver=solver)
    for i in range(len(x)):
        alone = ndm.ode_likelihood(model, x[i : i + 1], divergence=divergence, solver=solver)
        assert_close(together.log_prob[i : i + 1], alone.log_prob, rtol=1e-11, atol=1e-11)
        assert together.evaluations[i] == alone.evaluations[0]
    turned = ndm.ode_likelihood(model, x.flip(0), divergence=divergence, solver=solver, batch_size=2)
    assert_close(turned.log_prob.flip(0), together.log_prob, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("method", ADAPTIVE)
def test_one_example_is_what_torchdiffeq_integrates(method) -> None:
    """Its tables, and a step control of our own: both solutions lie within the tolerance of each other."""
    model, z = squashing_model(schedule=ndm.schedules.LinearSchedule(-6.0, 4.0)), torch.tensor([[0.7, -1.2]])
    tolerance = 1e-8 if ADAPTIVE[method].order > 4 else 1e-6

    def velocity(t: Tensor, z: Tensor) -> Tensor:
        return model.predicted_velocity(z, t.expand(1), None)

    ours = ndm.ode.solvers.Adaptive(method, tolerance, tolerance)(
        lambda t, state, rows: (model.predicted_velocity(state[0], t, None),), (z,), 0.0, 1.0
    ).state[0]
    theirs = odeint(velocity, z, torch.tensor([0.0, 1.0]), method=method, rtol=tolerance, atol=tolerance)[-1]
    assert_close(ours, theirs, rtol=0, atol=1e3 * tolerance)


def test_there_and_back() -> None:
    model, x = squashing_model(schedule=ndm.schedules.LinearSchedule(-6.0, 4.0)), torch.randn(6, 2)
    solver = ndm.ode.solvers.Adaptive(**TIGHT)
    z_1 = ndm.encode(model, x, solver=solver)
    assert (z_1 - x).abs().max() > 0.1
    assert_close(ndm.decode(model, z_1, solver=solver), x, rtol=1e-5, atol=1e-5)


def test_encoding_gaussian_data_whitens_it() -> None:
    """z_1 = x alpha_0 s_1 / s_0."""
    model = gaussian_model(DATA, schedule=ndm.schedules.LinearSchedule(-6.0, 4.0))
    stds = [(model.schedule(t).alpha ** 2 * DATA[0, 0] + model.schedule(t).sigma ** 2).sqrt() for t in (ZERO, ONE)]
    expected = X * model.schedule(ZERO).alpha * stds[1] / stds[0]
    assert_close(ndm.encode(model, X, solver=ndm.ode.solvers.Adaptive(**TIGHT)), expected, rtol=1e-7)


@pytest.mark.parametrize("dequantisation", [ndm.ode.UniformDequantisation(), ndm.ode.PosteriorDequantisation()])
def test_dequantised_levels_against_quadrature(dequantisation) -> None:
    """N(0, 1) is then the density of z_t at every t, so that both bounds are integrals over one number."""
    model, x = levels_model(), torch.tensor([[-1.0], [0.0], [1.0]])
    found = ndm.ode_likelihood(model, x, dequantisation=dequantisation, draws=400, solver=ndm.ode.solvers.Fixed(8))
    level, u = model.schedule(ZERO), torch.linspace(-8, 8, 4001)
    log_normal = torch.distributions.Normal(0.0, 1.0).log_prob
    if isinstance(dequantisation, ndm.ode.UniformDequantisation):
        z_0 = level.alpha * (x + (torch.arange(4000) + 0.5) / 4000 - 0.5)
        exact = log_normal(z_0).mean(1) + level.alpha.log()
    else:
        z_0 = level.alpha * x + level.sigma * u
        decoded = torch.stack([model.decoder.log_prob(x, z[:, None], level) for z in z_0.T], 1)
        weights = log_normal(u).exp() / log_normal(u).exp().sum()
        exact = (weights * (log_normal(z_0) + decoded - log_normal(u) + level.sigma.log())).sum(1)
    assert ((found.log_prob - exact).abs() < 4 * found.standard_error + 1e-6).all()
    assert found.draws == 400 and found.dequantisation == dequantisation.name and (exact < 0).all()


def test_the_bound_lies_above_the_density() -> None:
    """-log p of the ODE for Gaussian data is at most the NELBO, and both are near the entropy."""
    model = gaussian_model(DATA)
    x = DATA.sqrt() * torch.randn(2000, 1)
    ode, bound = -ndm.log_prob(model, x).mean(), ndm.nelbo(model, x, draws=64).total.mean()
    assert_close(ode, bound, atol=5e-3, rtol=0)


def test_float32_agrees_with_float64() -> None:
    network = perturbed(ndm.MLP((2,), width=16, depth=1), 0.05)
    model = (
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(-8.0, 4.0),
            ndm.IdentityTransform(),
            ndm.DirectPredictor(network),
            ndm.GaussianDecoder(),
        )
        .float()
        .eval()
    )
    model.schedule.float()
    x = torch.randn(8, 2).float()
    single, double = (ndm.ode_likelihood(model, x, dtype=dtype).log_prob for dtype in (None, torch.float64))
    assert single.dtype == torch.float32 and double.dtype == torch.float64
    assert next(model.parameters()).dtype == torch.float32
    assert_close(single.double(), double, rtol=2e-3, atol=2e-3)
    with pytest.raises(InputError, match="convert one of them"):
        ndm.log_prob(model, x.double())


def test_an_exact_trace_holds_its_probes_once() -> None:
    """The unit vectors are the same for every example: no (B, d, d) is made."""
    z = torch.randn(5, 3)
    units = ndm.ode.divergences.Exact().probes(None, z)
    assert units.shape == (1, 3, 3)
    v, forms = quadratic_forms(lambda z: z**3, z, units)
    assert_close(forms, 3 * z**2)
    assert_close(v, z**3)
