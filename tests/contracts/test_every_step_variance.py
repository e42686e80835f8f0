"""What every step variance promises, found by the file it lives in."""

import pytest
import torch
from making import BATCH, EVENTS, FOUND, TIMESTEPS, make
from torch import Tensor

from ndm.errors import InputError
from ndm.step_variances import StepVariance

STEPS = torch.tensor([0, 1, 2, 1])


@pytest.fixture(params=[(name, event) for name in FOUND["step_variance"] for event in EVENTS], ids=str)
def case(request) -> tuple[StepVariance, tuple[int, ...]]:
    name, event_shape = request.param
    return make("step_variance", name, event_shape), event_shape


def variances(event_shape: tuple[int, ...]) -> list[Tensor]:
    """q's variance as volatilities give it: one number per example, or one per dimension."""
    return [torch.rand(BATCH, *[1] * len(event_shape)) + 0.1, torch.rand(BATCH, *event_shape) + 0.1]


def test_the_step_variances_of_the_library_are_found():
    assert {"posterior", "learned", "analytic"} <= FOUND["step_variance"].keys()


def test_variances_are_positive_and_fit_events(case):
    step_variance, event_shape = case
    for variance in variances(event_shape):
        w = step_variance(variance, STEPS, TIMESTEPS)
        assert torch.broadcast_shapes(w.shape, (BATCH, *event_shape)) == (BATCH, *event_shape)
        assert w.isfinite().all() and (w > 0).all()


def test_an_example_has_the_variance_of_its_own_step(case):
    step_variance, event_shape = case
    step_variance.observe(torch.ones(BATCH, *event_shape), STEPS, TIMESTEPS, torch.rand(BATCH, *event_shape))
    for variance in variances(event_shape):
        together = step_variance(variance, STEPS, TIMESTEPS)
        for i in range(BATCH):
            one = slice(i, i + 1)
            torch.testing.assert_close(together[one], step_variance(variance[one], STEPS[one], TIMESTEPS))


def test_it_takes_note_and_stays_at_least_positive(case):
    step_variance, event_shape = case
    for _ in range(3):
        step_variance.observe(torch.rand(BATCH, *event_shape) + 0.1, STEPS, TIMESTEPS, torch.rand(BATCH, *event_shape))
    w = step_variance(torch.ones(BATCH, *event_shape), STEPS, TIMESTEPS)
    assert w.isfinite().all() and (w > 0).all()


def test_a_chain_of_another_length_has_the_variance_of_q_and_a_table_says_so(case, recwarn):
    step_variance, event_shape = case
    for variance in variances(event_shape):
        assert torch.equal(step_variance(variance, STEPS, TIMESTEPS + 1), variance)
    if type(step_variance) is not FOUND["step_variance"]["posterior"]:
        assert f"{TIMESTEPS} steps" in str(recwarn[0].message)


def test_continuous_time_is_accepted_or_refused_with_advice(case):
    step_variance, event_shape = case
    kind = type(step_variance)
    if hasattr(step_variance, "timesteps"):
        with pytest.raises(InputError, match="--timesteps T"):
            kind.for_events(event_shape, None)
    else:
        assert isinstance(kind.for_events(event_shape, None), kind)


def test_the_best_variance_adds_the_error_of_the_mean():
    """w = v + E[(mean difference)^2], for each step."""
    step_variance = FOUND["step_variance"]["analytic"]((2,), TIMESTEPS)
    v, error = torch.tensor([[0.5], [0.25], [0.25]]), torch.tensor([[1.0, 2.0], [3.0, 0.0], [1.0, 4.0]])
    step_variance.observe(v, torch.tensor([0, 2, 2]), TIMESTEPS, error)
    w = step_variance(torch.tensor([[0.5], [0.5], [0.25]]), torch.arange(3), TIMESTEPS)
    torch.testing.assert_close(w, torch.tensor([[1.5, 2.5], [0.5, 0.5], [0.25 + 2.0, 0.25 + 2.0]]))
