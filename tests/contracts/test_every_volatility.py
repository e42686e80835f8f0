"""What every volatility promises, found by the file it lives in."""

import numpy as np
import pytest
import torch
from making import BATCH, EVENTS, FOUND, disturbed, make, partner, times
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.shapes import like_event
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.transforms._diagonal import DiagonalTransform
from ndm.parts.volatilities import Volatility

FUNCTIONS = axes.TIME_FUNCTIONS.every()

SCHEDULE = ndm.schedules.LinearSchedule(-8.0, 5.0)


@pytest.fixture(params=[(name, event) for name in FOUND["volatility"] for event in EVENTS], ids=str)
def case(request) -> tuple[Volatility, Transform, tuple[int, ...]]:
    name, event_shape = request.param
    volatility = make("volatility", name, event_shape).eval()  # one that is random is so while training
    return volatility.double(), partner(event_shape).double(), event_shape


def on_events(value: Tensor, event_shape: tuple[int, ...]) -> Tensor:
    """One number per example (B,) or (), or one per dimension (B or 1, *event), as (B, *event)."""
    events = torch.zeros(BATCH, *event_shape, dtype=value.dtype)
    return like_event(value, events).expand_as(events)


def test_the_volatilities_of_the_library_are_found():
    assert {"constant", "learned", "best", "per_dimension", "markov"} <= FOUND["volatility"].keys()


def test_eta_is_positive_at_every_time(case):
    volatility, transform, event_shape = case
    for t in (
        times(),
        torch.tensor(0.3, dtype=torch.float64),
        torch.zeros(BATCH, dtype=torch.float64),
        torch.ones(BATCH, dtype=torch.float64),
    ):
        eta = on_events(volatility.eta(t, SCHEDULE, transform), event_shape)
        assert eta.isfinite().all() and (eta > 0).all()


def test_a_single_time_is_the_same_time_for_every_example(case):
    volatility, transform, event_shape = case
    s, t = torch.tensor([0.2, 0.7], dtype=torch.float64)
    for method, arguments in ((volatility.eta, (t,)), (volatility.integral, (s, t))):
        single = method(*arguments, SCHEDULE, transform)
        batch = method(*(time.expand(BATCH) for time in arguments), SCHEDULE, transform)
        torch.testing.assert_close(on_events(single, event_shape), on_events(batch, event_shape))


def test_the_integral_is_that_of_eta_along_gamma(case):
    """Against the midpoint rule on pieces so small that no edge of a bin lies inside one."""
    volatility, transform, event_shape = case
    s, t, pieces = 0.125, 0.875, 4800
    edges = torch.linspace(s, t, pieces + 1, dtype=torch.float64)
    spans = SCHEDULE.gamma(edges).diff()
    eta = volatility.eta((edges[1:] + edges[:-1]) / 2, SCHEDULE, transform)
    expected = (like_event(spans, eta) * eta).sum(0) if eta.shape[0] == pieces else spans.sum() * eta[0]
    integral = volatility.integral(edges[0].expand(BATCH), edges[-1].expand(BATCH), SCHEDULE, transform)
    torch.testing.assert_close(
        on_events(integral, event_shape), expected.expand(BATCH, *event_shape), rtol=1e-6, atol=1e-6
    )


def test_the_integral_adds_up(case):
    volatility, transform, _ = case
    s, u, t = 0.2 * times(), 0.5 * times(), times()
    first, second, whole = (volatility.integral(a, b, SCHEDULE, transform) for a, b in ((s, u), (u, t), (s, t)))
    torch.testing.assert_close(first + second, whole)
    assert (whole > 0).all()


def outgrowing(functions: str) -> Transform:
    """A scale of three dimensions that outgrows the noise now and then."""
    transform = ndm.transforms.ScalingTransform((3,), functions=FUNCTIONS[functions](3)).double()
    with torch.no_grad():
        transform.log_scale.copy_(6 * torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))
    return transform


def quadrature(volatility: Volatility, s: float, t: float, schedule: Schedule, transform: Transform) -> Tensor:
    """The integral of eta dgamma from s to t, (1 or 3,), on pieces with an edge at all edges of bins and knots."""
    nodes, weights = (torch.from_numpy(each) for each in np.polynomial.legendre.leggauss(8))
    edges = torch.linspace(s, t, 4001, dtype=torch.float64)
    u = (edges[:-1] + edges[1:])[:, None] / 2 + edges.diff()[:, None] / 2 * nodes
    eta = volatility.eta(u.flatten(), schedule, transform)
    weight = (edges.diff()[:, None] / 2 * weights * schedule.with_velocity(u)[1]).flatten()
    return (weight[:, None] * eta.reshape(len(eta), -1)).sum(0)


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("of_time", FOUND["schedule"])
@pytest.mark.parametrize("name", FOUND["volatility"])
def test_the_integral_is_that_of_eta_for_every_schedule_and_scale(name, of_time, functions):
    """And it adds up, and its derivative is eta gamma', where eta is held above 0 as well."""
    torch.manual_seed(0)
    volatility, schedule = make("volatility", name, (3,)).eval().double(), make("schedule", of_time, (3,)).double()
    transform = disturbed(outgrowing(functions))
    s, u, t = torch.tensor([[1 / 12], [0.4219], [11 / 12]], dtype=torch.float64)
    with torch.no_grad():
        whole = volatility.integral(s, t, schedule, transform)
        parts = volatility.integral(s, u, schedule, transform) + volatility.integral(u, t, schedule, transform)
        expected = quadrature(volatility, float(s), float(t), schedule, transform)
    torch.testing.assert_close(whole.flatten(), expected.expand(whole.numel()), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(parts, whole, rtol=1e-10, atol=1e-10)
    times = torch.linspace(0.21, 0.83, 9, dtype=torch.float64).requires_grad_()
    d = volatility.integral(s.expand(9), times, schedule, transform)
    slopes = [torch.autograd.grad(column.sum(), times, retain_graph=True)[0] for column in d.reshape(9, -1).T]
    rate = like_event(schedule.with_velocity(times)[1], d) * volatility.eta(times, schedule, transform)
    torch.testing.assert_close(torch.stack(slopes, 1), rate.expand_as(d).reshape(9, -1), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("of_time", FOUND["schedule"])
@pytest.mark.parametrize("name", FOUND["volatility"])
def test_the_integral_in_single_precision_is_that_in_double(name, of_time):
    torch.manual_seed(0)
    volatility, schedule = make("volatility", name, (3,)).eval(), make("schedule", of_time, (3,))
    transform, s, t = outgrowing("pieces").float(), times(dtype=torch.float32) / 2, times(dtype=torch.float32)
    single = volatility.integral(s, t, schedule, transform)
    double = volatility.double().integral(s.double(), t.double(), schedule.double(), transform.double())
    torch.testing.assert_close(single, double.float(), rtol=1e-4, atol=1e-4)


def test_what_a_scale_that_outgrows_the_noise_for_a_while_costs():
    """gamma = 10 t; log w rises to 6 at t = 1/2 and falls to 0: eta is 10 / 10 - 2 (-12) / 10 = 3.4 there, and held
    before, so that D = 0.001 * 5 + 3.4 * 5 where gamma_1 - gamma_0 - 2 log w = 10."""
    transform = ndm.transforms.ScalingTransform((1,), functions=ndm.time_functions.Pieces(2)).double()
    with torch.no_grad():
        transform.log_scale.copy_(torch.tensor([[6.0], [0.0]]))
    schedule, ends = ndm.schedules.LinearSchedule(-5.0, 5.0), torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    d = ndm.volatilities.MarkovVolatility().integral(*ends, schedule, transform)
    torch.testing.assert_close(d, torch.tensor([[0.001 * 5 + 3.4 * 5]], dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("of_time", FOUND["schedule"])
@pytest.mark.parametrize("name", FOUND["volatility"])
def test_nothing_is_kept_of_a_latent_without_signal(name, of_time, dtype):
    """Where alpha_1 = 0, gamma_1 is infinite and so is D, for any eta > 0: z_s does not depend on z_1."""
    volatility, schedule = make("volatility", name, (3,)).eval().to(dtype), make("schedule", of_time, (3,)).to(dtype)
    model = ndm.NeuralDiffusion(
        schedule, partner((3,)).to(dtype), lambda z, t, cond: z, ndm.GaussianDecoder(), volatility
    )
    z_1, t = torch.zeros(2, 3, dtype=dtype), torch.ones(2, dtype=dtype)
    kept = model.kernel(z_1, t * 0.9, t).c
    assert kept.isfinite().all() and (bool((schedule(t).alpha > 0).all()) or not kept.any())
    gradients = (
        torch.autograd.grad(kept.sum(), [*volatility.parameters()], allow_unused=True)
        if len([*volatility.parameters()])
        else []
    )
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("eta", [1e-6, 0.01, 0.3])
def test_flow_matching_forgets_its_noise_at_any_volatility(eta):
    """c_{s|1} = 0 and v_{s|1} = sigma_s^2; at eta = 0, DDIM's process, c = sigma_s / sigma_1."""
    schedule, s, t = ndm.schedules.FlowSchedule(), torch.tensor(0.9), torch.tensor(1.0)
    model = ndm.NeuralDiffusion(schedule, ndm.IdentityTransform(), lambda z, t, cond: z, ndm.GaussianDecoder())
    step = model.kernel(torch.zeros(1, 1), s, t, ndm.volatilities.ConstantVolatility(eta))
    assert step.c == 0
    torch.testing.assert_close(step.std, schedule(s).sigma)
    still = model.kernel(torch.zeros(1, 1), s, t, ndm.volatilities.ConstantVolatility(0.0))
    torch.testing.assert_close(still.c, schedule(s).sigma / schedule(t).sigma)
    assert still.std == 0


def test_it_takes_note_and_stays_positive(case):
    volatility, transform, event_shape = case
    for _ in range(3):
        volatility.observe(
            times(),
            torch.randn(BATCH, *event_shape, dtype=torch.float64),
            torch.randn(BATCH, *event_shape, dtype=torch.float64),
        )
    assert (volatility.eta(times(), SCHEDULE, transform) > 0).all()


@pytest.mark.parametrize("other", FOUND["transform"])
def test_it_works_with_every_transformation(case, other):
    volatility, _, event_shape = case
    transform = make("transform", other, event_shape).double()
    assert (on_events(volatility.eta(times(), SCHEDULE, transform), event_shape) > 0).all()
    d = volatility.integral(times() / 2, times(), SCHEDULE, transform)
    assert (on_events(d, event_shape) > 0).all()


@pytest.mark.parametrize(
    "other", [name for name, kind in FOUND["transform"].items() if not issubclass(kind, DiagonalTransform)]
)
def test_a_markov_volatility_is_that_of_ddpm_where_f_has_no_scale(other):
    """eta = 1, D = gamma_t - gamma_s: to the last bit what a constant gives."""
    transform, s, t = make("transform", other, (3,)).double(), times() / 2, times()
    for volatility in (ndm.volatilities.MarkovVolatility(), ndm.volatilities.ConstantVolatility(1.0)):
        assert torch.equal(volatility.eta(t, SCHEDULE, transform), torch.ones_like(t))
        assert torch.equal(volatility.integral(s, t, SCHEDULE, transform), SCHEDULE.gamma(t) - SCHEDULE.gamma(s))


def test_a_markov_volatility_stays_above_zero_where_a_scale_outgrows_the_noise():
    """gamma - 2 log w falls in the first dimension: the process there is no longer Markov, but it is one."""
    transform = ndm.transforms.ScalingTransform((2,), functions=ndm.time_functions.Monomials(1)).double()
    with torch.no_grad():
        transform.log_scale[0, 0] = 20.0
    volatility, s, t = ndm.volatilities.MarkovVolatility(), times() / 2, times()
    eta, d = volatility.eta(t, SCHEDULE, transform), volatility.integral(s, t, SCHEDULE, transform)
    assert (eta > 0).all() and (d > 0).all() and (eta[:, 0] < 0.01).all() and torch.equal(eta[:, 1], torch.ones(BATCH))
    x = torch.randn(BATCH, 2, dtype=torch.float64)
    model = ndm.NeuralDiffusion(SCHEDULE, transform, lambda z, t, cond: z, ndm.GaussianDecoder(), volatility)
    assert ndm.bound(model, x).total.isfinite().all() and ndm.bound(model, x, timesteps=4).total.isfinite().all()


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_volatility_below_zero_is_refused(value):
    with pytest.raises(InputError, match="eta = "):
        ndm.volatilities.ConstantVolatility(value)
