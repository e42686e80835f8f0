"""What every volatility promises, found by the file it lives in."""

import pytest
import torch
from making import BATCH, EVENTS, FOUND, make, partner, times
from torch import Tensor

import ndm
from ndm.errors import InputError
from ndm.shapes import like_event
from ndm.transforms import Transform
from ndm.transforms.diagonal import DiagonalTransform
from ndm.volatilities import Volatility

SCHEDULE = ndm.LinearSchedule(-8.0, 5.0)


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
    for t in (times(), torch.tensor(0.3, dtype=torch.float64), torch.zeros(BATCH, dtype=torch.float64),
              torch.ones(BATCH, dtype=torch.float64)):
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
    torch.testing.assert_close(on_events(integral, event_shape), expected.expand(BATCH, *event_shape),
                               rtol=1e-6, atol=1e-6)


def test_the_integral_adds_up(case):
    volatility, transform, _ = case
    s, u, t = 0.2 * times(), 0.5 * times(), times()
    first, second, whole = (volatility.integral(a, b, SCHEDULE, transform) for a, b in ((s, u), (u, t), (s, t)))
    torch.testing.assert_close(first + second, whole)
    assert (whole > 0).all()


def test_it_takes_note_and_stays_positive(case):
    volatility, transform, event_shape = case
    for _ in range(3):
        volatility.observe(times(), torch.randn(BATCH, *event_shape, dtype=torch.float64),
                           torch.randn(BATCH, *event_shape, dtype=torch.float64))
    assert (volatility.eta(times(), SCHEDULE, transform) > 0).all()


@pytest.mark.parametrize("other", FOUND["transform"])
def test_it_works_with_every_transformation(case, other):
    volatility, _, event_shape = case
    transform = make("transform", other, event_shape).double()
    assert (on_events(volatility.eta(times(), SCHEDULE, transform), event_shape) > 0).all()
    d = volatility.integral(times() / 2, times(), SCHEDULE, transform)
    assert (on_events(d, event_shape) > 0).all()


@pytest.mark.parametrize("other", [name for name, kind in FOUND["transform"].items()
                                   if not issubclass(kind, DiagonalTransform)])
def test_a_markov_volatility_is_that_of_ddpm_where_f_has_no_scale(other):
    """eta = 1, D = gamma_t - gamma_s: to the last bit what a constant gives."""
    transform, s, t = make("transform", other, (3,)).double(), times() / 2, times()
    for volatility in (ndm.MarkovVolatility(), ndm.ConstantVolatility(1.0)):
        assert torch.equal(volatility.eta(t, SCHEDULE, transform), torch.ones_like(t))
        assert torch.equal(volatility.integral(s, t, SCHEDULE, transform), SCHEDULE.gamma(t) - SCHEDULE.gamma(s))


def test_a_markov_volatility_stays_above_zero_where_a_scale_outgrows_the_noise():
    """gamma - 2 log w falls in the first dimension: the process there is no longer Markov, but it is one."""
    transform = ndm.ScalingTransform((2,), functions=ndm.Monomials(1)).double()
    with torch.no_grad():
        transform.log_scale[0, 0] = 20.0
    volatility, s, t = ndm.MarkovVolatility(), times() / 2, times()
    eta, d = volatility.eta(t, SCHEDULE, transform), volatility.integral(s, t, SCHEDULE, transform)
    assert (eta > 0).all() and (d > 0).all() and (eta[:, 0] < 0.01).all() and torch.equal(eta[:, 1], torch.ones(BATCH))
    x = torch.randn(BATCH, 2, dtype=torch.float64)
    model = ndm.NeuralDiffusion(SCHEDULE, transform, lambda z, t, cond: z, ndm.GaussianDecoder(), volatility)
    assert model(x).total.isfinite().all() and model(x, timesteps=4).total.isfinite().all()


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_volatility_below_zero_is_refused(value):
    with pytest.raises(InputError, match="eta = "):
        ndm.ConstantVolatility(value)
