"""What every transformation promises, found by the file it lives in."""

import pytest
import torch
from making import BATCH, EVENTS, FOUND, make, times
from torch import Tensor

import ndm
from ndm.base.errors import InputError
from ndm.base.shapes import like_event
from ndm.base.spec import Spec
from ndm.parts.predictors.direct import DirectPredictor
from ndm.parts.transforms import Transform
from ndm.process.curve import ConstantCurve, Curve


@pytest.fixture(params=[(name, event) for name in FOUND["transform"] for event in EVENTS], ids=str)
def case(request) -> tuple[Transform, Tensor]:
    """A transformation and data for it, in float64."""
    name, event_shape = request.param
    return make("transform", name, event_shape).double(), torch.randn(BATCH, *event_shape, dtype=torch.float64)


def test_the_transformations_of_the_library_are_found():
    assert {"identity", "scaling", "residual", "series"} <= FOUND["transform"].keys()


def test_the_path_starts_at_the_data(case):
    transform, x = case
    for start in (torch.zeros(()), torch.zeros(BATCH)):
        torch.testing.assert_close(transform.curve(x)(start.double()), x)


def test_a_single_time_is_the_same_time_for_every_example(case):
    transform, x = case
    t = torch.tensor(0.3, dtype=x.dtype)
    curve = transform.curve(x)
    for at_t in (curve(t), *curve.with_velocity(t)):
        assert at_t.shape == x.shape and at_t.dtype == x.dtype and at_t.isfinite().all()
    torch.testing.assert_close(curve(t), curve(t.expand(BATCH)))
    torch.testing.assert_close(curve.with_velocity(t), curve.with_velocity(t.expand(BATCH)))


def test_velocity_is_that_of_central_differences(case):
    transform, x = case
    t, h = times(), 1e-6
    curve = transform.curve(x)
    value, velocity = curve.with_velocity(t)
    torch.testing.assert_close(value, curve(t))
    torch.testing.assert_close(velocity, (curve(t + h) - curve(t - h)) / (2 * h), rtol=1e-6, atol=1e-7)


def test_calling_the_transformation_evaluates_its_curve(case):
    transform, x = case
    assert torch.equal(transform(x, times()), transform.curve(x)(times()))


def test_an_example_does_not_depend_on_its_neighbours(case):
    transform, x = case
    t = times()
    together = torch.stack(transform.curve(x).with_velocity(t))
    for i in range(BATCH):
        alone = torch.stack(transform.curve(x[i : i + 1]).with_velocity(t[i : i + 1]))
        torch.testing.assert_close(together[:, i : i + 1], alone)


def test_every_example_follows_its_own_time(case):
    """A (B,) time must not be broadcast along an axis of the event, even one of the same size."""
    transform, x = case
    x = x[:1].expand(BATCH, *x.shape[1:])
    curve, t = transform.curve(x), times()
    torch.testing.assert_close(curve(t), torch.cat([curve(time)[:1] for time in t]))


def test_the_difference_of_two_curves_is_a_curve(case):
    transform, x = case
    t, first, second = times(), transform.curve(x), transform.curve(x.flip(0))
    difference = first - second
    torch.testing.assert_close(difference(t), first(t) - second(t))
    value, velocity = difference.with_velocity(t)
    torch.testing.assert_close(value, first(t) - second(t))
    torch.testing.assert_close(velocity, first.with_velocity(t)[1] - second.with_velocity(t)[1])


def test_gradients_of_value_and_velocity_reach_every_parameter(case):
    transform, x = case
    value, velocity = transform.curve(x).with_velocity(times())
    if not list(transform.parameters()):
        return
    (value.square().sum() + velocity.square().sum()).backward()
    for name, parameter in transform.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0, name


def test_its_basis_is_orthogonal(case):
    transform, x = case
    coordinates = transform.basis.double()(x)
    torch.testing.assert_close(coordinates.square().sum(), x.square().sum())
    torch.testing.assert_close(transform.basis.inverse(coordinates), x)


def test_a_network_predicts_its_curve_by_heads(case):
    """It starts at x^ whatever the heads, has the velocity of its values, and is linear in x^ and heads together."""
    transform, x = case
    t, h, events = times(), 1e-6, torch.randn(2, BATCH, 1 + transform.num_heads, *x.shape[1:], dtype=x.dtype)

    def curve(events: Tensor) -> Curve:
        return transform.curve_from_heads(events[:, 0], events[:, 1:], t)

    predicted = curve(events[0])
    torch.testing.assert_close(predicted(torch.zeros(BATCH, dtype=x.dtype)), events[0, :, 0])
    for u in (t, t.flip(0)):
        value, velocity = predicted.with_velocity(u)
        torch.testing.assert_close(value, predicted(u))
        torch.testing.assert_close(velocity, (predicted(u + h) - predicted(u - h)) / (2 * h), rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(curve(events.mean(0))(u), (value + curve(events[1])(u)) / 2)


class Headless(Transform):
    """F(x, t) = x, by a transformation that knows no direct form."""

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ConstantCurve(x)


def test_a_direct_predictor_of_a_curve_without_heads_is_refused():
    with pytest.raises(InputError, match="choose predictor=PlugInPredictor") as error:
        DirectPredictor.from_spec(Spec((3,)), transform=Headless())
    assert "choose --predictor plug_in" in error.value.on_command_line
    with pytest.raises(InputError, match="choose predictor=PlugInPredictor"):
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(), Headless(), DirectPredictor(ndm.MLP((3,))), ndm.GaussianDecoder()
        )
    with pytest.raises(TypeError, match="no direct form"):
        Headless().curve_from_heads(torch.zeros(1, 3), torch.zeros(1, 0, 3), torch.zeros(1))


def test_its_scale_its_response_and_what_is_seen_start_at_one(case):
    """log w = 0, a unit for a unit, and the level of the schedule, at t = 0; each fits events, at any time."""
    transform, x = case
    schedule, zero = ndm.schedules.LinearSchedule(-8.0, 5.0), torch.zeros(BATCH).double()
    for t in (zero, times()):
        level, (log_w, log_w_prime) = schedule(t), transform.log_scale_with_velocity(t)
        seen, response = transform.seen(level, t), transform.response(transform.curve(x), x)(t)
        assert log_w.shape == log_w_prime.shape and response.shape == x.shape
        for value, of_schedule in zip(vars(seen).values(), vars(level).values(), strict=True):
            assert value.shape in ((BATCH,), x.shape) and value.isfinite().all()
            if t is zero and value is not seen.gamma_prime:
                torch.testing.assert_close(value, like_event(of_schedule, value).expand_as(value))
        if t is zero:
            assert torch.equal(log_w, torch.zeros_like(log_w)) and torch.equal(response, torch.ones_like(x))


def test_it_is_made_for_any_number_of_steps(case):
    transform, x = case
    for timesteps in (None, 1, 7, 1000):
        made = type(transform).from_spec(Spec(tuple(x.shape[1:]), timesteps=timesteps)).double()
        torch.testing.assert_close(made(x, torch.zeros_like(times())), x)
        assert torch.isfinite(made(x, times())).all()


def test_an_unknown_option_is_no_option(case):
    transform, x = case
    with pytest.raises(InputError, match="the option colour"):
        type(transform).from_spec(Spec(tuple(x.shape[1:])), colour="red")
