"""Every part of every registry in a model that knows its law: the ODE's density and the bound are what they must be."""

import inspect

import pytest
import torch
from torch import Tensor, nn

import ndm
from ndm.base import axes
from ndm.base.spec import Spec
from ndm.nn.network import Network
from ndm.ode.solvers.adaptive import METHODS as ADAPTIVE
from ndm.ode.solvers.fixed import METHODS as FIXED
from ndm.ode.solvers.names import solver_for
from ndm.parts.parameterisations.parameterisation import PointParameterisation
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform

from .exact import ExactPredictor, Known, gaussian, three_levels, two_gaussians

SCHEDULES, TRANSFORMS, VOLATILITIES = (axis.every() for axis in (axes.SCHEDULES, axes.TRANSFORMS, axes.VOLATILITIES))
PARAMETERISATIONS, FUNCTIONS, GATES = (
    axis.every() for axis in (axes.PARAMETERISATIONS, axes.TIME_FUNCTIONS, axes.GATES)
)
LEVELS = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
POINTS = torch.tensor([[-1.3, 0.4], [0.2, -0.7], [0.9, 1.1]], dtype=torch.float64)


def disturbed(part: nn.Module, std: float = 0.3) -> nn.Module:
    """The part with noise on its parameters, so that it is learned."""
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=std)
    return part


def assert_density(known: Known, x: Tensor, error: float = 1e-3) -> None:
    """The ODE carries quantiles to quantiles, whatever the path is."""
    solver = ndm.ode.solvers.Adaptive(rtol=1e-6, atol=1e-6)
    if known.law.has_levels:  # the density of z_0, near the levels
        alpha, sigma = known.level(0.0)
        z_0 = alpha * x + sigma * torch.tensor([[0.3], [-1.0], [0.8]])
        found = _density_of_latents(known.model, z_0, solver)
        expected = known.log_prob_of_latent(z_0)
    else:
        found, expected = ndm.log_prob(known.model, x, solver=solver), known.log_prob(x)
    torch.testing.assert_close(found, expected, rtol=error, atol=error)


def _density_of_latents(model: ndm.NeuralDiffusion, z_0: Tensor, solver: ndm.ode.solvers.Adaptive) -> Tensor:
    """log p(z_0), by a decoder of real values that hides nothing of z_0."""
    real = ndm.NeuralDiffusion(model.schedule, model.transform, model.predictor, ndm.GaussianDecoder()).double().eval()
    log_alpha = model.schedule(torch.zeros(())).alpha.log()
    return ndm.log_prob(real, z_0 / log_alpha.exp(), solver=solver) - z_0[0].numel() * log_alpha


def assert_bound(known: Known, x: Tensor, timesteps: int | None, draws: int = 4000) -> None:
    """The bound is its expectation by quadrature."""
    found, expected = ndm.nelbo(known.model, x, timesteps=timesteps, draws=draws), known.bound(x, timesteps)
    torch.testing.assert_close(found.prior, expected[:, 0])
    difference = (found.total - expected.sum(1)).abs()
    assert (difference < 5 * found.standard_error + 1e-6).all(), (difference, found.standard_error)
    assert (found.standard_error < 0.25 * (1 + expected.sum(1).abs())).all(), found.standard_error


each_length = pytest.mark.parametrize("timesteps", [None, 3])


@pytest.mark.law(registry="schedule")
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule(name):
    kind = SCHEDULES[name]
    ends = (-5.0, 4.0) if {"gamma_min", "gamma_max"} <= inspect.signature(kind).parameters.keys() else ()
    known = Known(two_gaussians(), disturbed(kind(*ends)))
    is_smooth = name != "ddpm"  # which interpolates a table of 1000 steps
    assert_density(known, POINTS, 1e-3 if is_smooth else 5e-3)
    for timesteps in (None, 3) if is_smooth else (3,):
        assert_bound(known, POINTS, timesteps)


SMALL = {"residual": {"network": "mlp", "width": 8, "depth": 1}, "series": {"width": 8}}


def transform_for(name: str, event_shape: tuple[int, ...], **options) -> Transform:
    return disturbed(TRANSFORMS[name].from_spec(Spec(event_shape), **SMALL.get(name, {}), **options))


@pytest.mark.law("StandardBasis", "CosineBasis", registry="transform")
@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transformation(name):
    if TRANSFORMS[name].num_heads == 0 or name == "identity":
        shape = (1, 1, 3) if name == "blurring" else (2,)
        known = Known(two_gaussians(), transform=transform_for(name, shape), event_shape=shape)
        x = known.sample(3)
    else:
        known, x = Known(three_levels(), transform=transform_for(name, (1,)), event_shape=(1,)), LEVELS
    assert_density(known, x)
    for timesteps in (None, 3):
        assert_bound(known, x, timesteps)


@pytest.mark.law(*(kind.__name__ for kind in FUNCTIONS.values()), registry="functions of time")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_time(name):
    transform = transform_for("series", (1,), functions=name)
    known = Known(three_levels(), transform=transform, event_shape=(1,))
    if name != "pieces":  # whose velocity jumps where an adaptive solver cannot know
        assert_density(known, LEVELS)
    assert_bound(known, LEVELS, None)
    assert_bound(known, LEVELS, 3)


@pytest.mark.law(registry="gate")
@pytest.mark.parametrize("name", GATES)
def test_every_gate(name):
    known = Known(three_levels(), transform=transform_for("residual", (1,), gate=name), event_shape=(1,))
    assert_bound(known, LEVELS, None, draws=1000)
    assert_bound(known, LEVELS, 3, draws=1000)


@pytest.mark.law(registry="volatility")
@pytest.mark.parametrize("name", VOLATILITIES)
@each_length
def test_every_volatility(name, timesteps):
    """Beside a linear F that differs between the dimensions, and after the volatility has seen a batch."""
    transform = disturbed(ndm.transforms.ScalingTransform((2,)))
    volatility = disturbed(VOLATILITIES[name].from_spec(Spec((2,))))
    volatility.observe(torch.rand(200), torch.randn(200, 2), torch.randn(200, 2))
    known = Known(two_gaussians(), transform=transform, volatility=volatility)
    assert_bound(known, POINTS, timesteps)


class ExactNetwork(Network):
    """The outputs of a form of a point by which it says E[x | z_t], z_t seen through the form."""

    def __init__(self, form: PointParameterisation, schedule: Schedule) -> None:
        super().__init__((2,), 1, 0)
        self.parameterisation, self.schedule, self.exact = form, schedule, ExactPredictor(two_gaussians())

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        level = self.schedule(t)
        z_t = x / self.parameterisation.network_input(torch.ones_like(x), level)
        wanted = self.exact(z_t, t, cond, level, ndm.IdentityTransform())(t)
        # Forms are affine in the output, whatever its meaning.
        at_0, at_1 = (
            self.parameterisation.x_hat(z_t, torch.full_like(x, value)[:, None], level) for value in (0.0, 1.0)
        )
        return ((wanted - at_0) / (at_1 - at_0))[:, None]


class ExactLevels(Network):
    """The outputs of a discrete Gaussian that say how likely each of three levels is, given z_t.

    log pi_k + alpha z v_k / sigma^2 - (alpha v_k / sigma)^2 / 2 for v_k = -1, 0, 1 is v_k m / s^2 - v_k^2 / (2 s^2).
    """

    def __init__(self, shares: Tensor, schedule: Schedule) -> None:
        super().__init__((2,), 2, 0)
        low, middle, high = shares.log()
        self.slope, self.curvature, self.schedule = (high - low) / 2, 2 * middle - low - high, schedule

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        level = self.schedule(t)
        alpha, sigma = level.alpha[:, None], level.sigma[:, None]
        norm = (alpha**2 + sigma**2).sqrt()
        z = x * norm
        variance = 1 / (self.curvature + alpha**2 / sigma**2)
        mean = variance * (self.slope + alpha * z / sigma**2)
        outputs = ((mean - alpha / norm**2 * z) * norm / sigma, (variance.sqrt() * norm / sigma).log().expand_as(z))
        return torch.stack(outputs, 1)


@pytest.mark.law(
    "DirectPredictor", *(kind.__name__ for kind in PARAMETERISATIONS.values()), registry="parameterisation"
)
@pytest.mark.parametrize("name", PARAMETERISATIONS)
def test_every_form_says_what_is_known(name):
    """Forms of a point by a network that knows, forms of a whole posterior by themselves: one density, one bound."""
    schedule = ndm.schedules.LinearSchedule(-5.0, 4.0)
    if issubclass(PARAMETERISATIONS[name], PointParameterisation):
        form = PARAMETERISATIONS[name].from_spec(Spec((2,)))
        known, x = Known(two_gaussians(), schedule), POINTS
        network: Network = ExactNetwork(form, schedule)
    elif name == "categorical":
        form = PARAMETERISATIONS[name]((2,), 3)
        known = Known(three_levels(), schedule)
        with torch.no_grad():
            form.theta.copy_(known.law.shares.log().expand(2, 3))
        network, x = ndm.MLP((2,), form.num_outputs, width=4, depth=0), torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    elif name == "discrete_gaussian":
        form, known = PARAMETERISATIONS[name](3), Known(three_levels(), schedule)
        network, x = ExactLevels(known.law.shares, schedule), torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    else:
        form = PARAMETERISATIONS[name]((2,), 2)
        known, x = Known(two_gaussians(), schedule), POINTS
        with torch.no_grad():
            form.log_weights.copy_(known.law.shares.log())
            form.shifts.copy_((known.law.means - form.first_means) / form.first_stds)
            form.log_stds.copy_(0.5 * torch.log(known.law.stds**2 - 1e-6))  # its least variance comes on top
        network = ndm.MLP((2,), form.num_outputs, width=4, depth=0)
    known.model.predictor = ndm.DirectPredictor(network, form).double().eval()
    if not known.law.has_levels:
        assert_density(known, x)
    assert_bound(known, x, None)
    assert_bound(known, x, 3)


@pytest.mark.law("Adaptive", registry="adaptive method")
@pytest.mark.law("Fixed", registry="method of fixed steps")
@pytest.mark.parametrize("name", [*ADAPTIVE, *FIXED])
def test_every_solver(name):
    known = Known(gaussian(), ndm.schedules.LinearSchedule(-3.0, 3.0))
    solver = solver_for(name, 400 if name in FIXED else None, *((None, None) if name in FIXED else (1e-6, 1e-6)))
    found = ndm.log_prob(known.model, POINTS, solver=solver)
    torch.testing.assert_close(found, known.log_prob(POINTS), rtol=0, atol=2e-2 if name == "euler" else 1e-4)
