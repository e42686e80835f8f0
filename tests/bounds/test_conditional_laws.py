"""Laws of a conditional model where all is known: x given its label is N(mu_label, 1), given a value c is N(c, 1)."""

import math

import pytest
import torch
from exact_models import assert_close
from torch import Tensor

import ndm
from ndm.base.axes import SAMPLERS
from ndm.parts.conditions import Condition, LabelCondition, ValueCondition

ENTROPY = 0.5 * math.log(2 * math.pi * math.e)
MEANS = torch.tensor([-3.0, 0.5, 4.0], dtype=torch.float64)


def exact(condition: Condition, means) -> ndm.NeuralDiffusion:
    """The model whose x^ is E[x | z_t, cond] for x ~ N(means(cond), 1)."""
    schedule = ndm.schedules.LinearSchedule(-12.0, 14.0)

    def predictor(z_t: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        level, mean = schedule(t), means(cond)
        alpha, sigma = level.alpha[:, None], level.sigma[:, None]
        return mean + alpha * (z_t - alpha * mean) / (alpha**2 + sigma**2)

    return ndm.NeuralDiffusion(
        schedule, ndm.IdentityTransform(), predictor, ndm.GaussianDecoder(), condition=condition
    ).eval()


@pytest.fixture(params=["labels", "values"])
def case(request) -> tuple[ndm.NeuralDiffusion, Tensor, Tensor]:
    """The model, conditions of 400 examples, and the mean of each."""
    if request.param == "labels":
        labels = torch.arange(400) % 3
        return exact(LabelCondition(("a", "b", "c")), lambda cond: MEANS[cond][:, None]), labels, MEANS[labels][:, None]
    raw = torch.linspace(20, 60, 400)[:, None]  # the mean is (raw - 40) / 10, which the networks are given
    return exact(ValueCondition(("age",), (40.0,), (10.0,)), lambda cond: cond), raw, (raw - 40) / 10


def density(x: Tensor, mean: Tensor) -> Tensor:
    """-log N(x; mean, 1), (N,)."""
    return 0.5 * (x - mean)[:, 0] ** 2 + 0.5 * math.log(2 * math.pi)


def bound(model: ndm.NeuralDiffusion, x: Tensor, cond: Tensor) -> tuple[float, float]:
    """The mean bound, and the standard error of its draws."""
    found = ndm.nelbo(model, x, cond, draws=2048, batch_size=2**16, generator=torch.Generator().manual_seed(0))
    return float(found.total.mean()), float(found.standard_error.square().sum().sqrt()) / len(x)


def test_the_bound_reaches_the_conditional_entropy(case) -> None:
    """The mean of -log p(x | cond) is the entropy of N(0, 1), whatever the condition."""
    model, cond, mean = case
    noise = torch.randn(len(mean), 1)
    x = mean + (noise - noise.mean()) / noise.std(correction=0)  # of variance 1 exactly
    value, error = bound(model, x, cond)
    assert error < 0.03
    assert abs(value - ENTROPY) < 4 * error
    assert_close(-ndm.log_prob(model, x[:40], cond=cond[:40]), density(x, mean)[:40], atol=0.05)


def test_under_another_condition_the_bound_is_that_of_its_law(case) -> None:
    model, cond, mean = case
    x, other = mean + torch.randn(len(mean), 1), mean.roll(1, 0)
    value, error = bound(model, x, cond.roll(1, 0))
    assert abs(value - float(density(x, other).mean())) < 4 * error
    assert cond.ndim > 1 or value > ENTROPY + 5  # classes are far apart


@pytest.mark.parametrize("name", ["ancestral", "multistep"])
def test_samples_under_a_condition_have_its_mean(case, name) -> None:
    model, cond, mean = case
    x = SAMPLERS.find(name)(model, 60)((400, 1), cond, seed=0)
    deviation = x - mean
    assert abs(float(deviation.mean())) < 4 / math.sqrt(400)
    assert abs(float(deviation.std()) - 1) < 0.15
    for label, centre in enumerate(MEANS if cond.ndim == 1 else ()):
        assert abs(float(x[cond == label].mean() - centre)) < 4 / math.sqrt(133)
