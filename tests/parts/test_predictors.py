"""Predictors: parameterisations of x^, and where the direct and the plug-in curve agree."""

import pytest
import torch
from exact_models import assert_close, cubature, linear_transform, perturbed, small_transform
from torch import Tensor
from torch.distributions import Normal

import ndm
from ndm.nn.network import Network
from ndm.parts.parameterisations import (
    EpsParameterisation,
    ScaledParameterisation,
    VParameterisation,
    XParameterisation,
)
from ndm.parts.parameterisations.categorical import CategoricalParameterisation

SCHEDULE = ndm.schedules.LinearSchedule(-6.0, 4.0)


class WithHeads(Network):
    """The outputs of a network, and h of its first output as the other heads."""

    def __init__(self, network: Network, h: torch.nn.Module, num_heads: int) -> None:
        super().__init__(network.event_shape, 1 + num_heads, 0)
        self.network, self.h = network, h

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        first = self.network(x, t)
        return torch.cat([first, self.h(first[:, 0])], dim=1)


@pytest.mark.parametrize("name", ["identity", "scaling", "series"])
def test_direct_and_plug_in_agree(name) -> None:
    """F(x^, .) and the curve from the heads are one where F has no heads, and where the heads are h(x^)."""
    transform, network = small_transform(name), perturbed(ndm.MLP((3,), width=16))
    direct = network if name != "series" else WithHeads(network, transform.h, transform.num_heads)
    z_t, t, u = torch.randn(4, 3), torch.rand(4), torch.rand(4)
    curves = [
        predictor(z_t, t, None, SCHEDULE(t), transform)
        for predictor in (
            ndm.predictors.PlugInPredictor(network, XParameterisation()),
            ndm.DirectPredictor(direct, XParameterisation()),
        )
    ]
    for plugged, predicted in zip(*(curve.with_velocity(u) for curve in curves), strict=True):
        assert_close(plugged, predicted)


def test_mean_curve_is_plugged_in_where_f_is_linear() -> None:
    """E[F(x, .) | z_t] = F(E[x | z_t], .) for linear F, here over a posterior of four points; not otherwise."""
    x, u = torch.randn(4, 3), torch.tensor(0.7)
    for transform, linear in ((linear_transform(torch.randn(3, 3)), True), (small_transform("series"), False)):
        difference = transform(x, u).mean(0) - transform(x.mean(0, keepdim=True), u)[0]
        assert (difference.abs().max() < 1e-12) == linear


@pytest.mark.parametrize("data_std", [1.0, 2.5])
def test_forms_invert_their_definitions(data_std) -> None:
    """From the true eps, v or standardised error as the network's output, each form gives back x."""
    x, eps = torch.randn(5, 3), torch.randn(5, 3)
    for schedule in (SCHEDULE, ndm.schedules.FlowSchedule(0.1)):  # of alpha^2 + sigma^2 = 1, and not
        level = schedule(torch.rand(5))
        alpha, sigma = level.alpha[:, None], level.sigma[:, None]
        z_t = alpha * x + sigma * eps
        scaled, norm = ScaledParameterisation(data_std), (alpha**2 * data_std**2 + sigma**2).sqrt()
        target = (x - alpha * data_std**2 / norm**2 * z_t) * norm / (sigma * data_std)
        for form, output in (
            (XParameterisation(), x),
            (EpsParameterisation(), eps),
            (VParameterisation(), alpha * eps - sigma * x),
            (scaled, target),
        ):
            assert_close(form.x_hat(z_t, output[:, None], level), x, rtol=1e-9)
            posterior = form.posterior(z_t, output[:, None], level)
            assert_close(posterior.mean, x, rtol=1e-9)
            assert_close(posterior.variance, 0.0)
        if data_std == 1 and schedule is SCHEDULE:
            assert_close(scaled.x_hat(z_t, -eps[:, None], level), VParameterisation().x_hat(z_t, eps[:, None], level))


def test_scaled_form_has_unit_variance() -> None:
    """The network's input and target have variance 1 and no correlation at any level, for data of variance s^2."""
    s, level = 2.5, SCHEDULE(torch.linspace(0, 1, 9).repeat_interleave(4))
    form, zero, one = ScaledParameterisation(s), torch.zeros(36, 1, 1), torch.ones(36, 1, 1)
    white = cubature(2).repeat(9, 1)  # x / s and eps
    x = s * white[:, :1]
    z_t = level.alpha[:, None] * x + level.sigma[:, None] * white[:, 1:]
    gain = form.x_hat(torch.zeros_like(x), one, level)
    pair = torch.cat([form.network_input(z_t, level), (x - form.x_hat(z_t, zero, level)) / gain], 1).reshape(9, 4, 2)
    assert_close(pair.mT @ pair / 4, torch.eye(2))


def test_categorical_form_starts_as_bayes_rule() -> None:
    """With outputs 0, x^_i = sum_k v_k pi_ik N(z_i; alpha v_k, sigma^2) / sum_k pi_ik N(z_i; alpha v_k, sigma^2)."""
    form, z_t, level = (
        perturbed(CategoricalParameterisation((3,), 5), std=1.0),
        torch.randn(4, 3),
        SCHEDULE(torch.rand(4)),
    )
    values = torch.linspace(-1, 1, 5)
    likelihood = Normal(level.alpha[:, None, None] * values, level.sigma[:, None, None]).log_prob(z_t[..., None]).exp()
    joint = torch.softmax(form.theta, -1) * likelihood
    expected = (joint * values).sum(-1) / joint.sum(-1)
    assert_close(form.posterior(z_t, torch.zeros(4, form.num_outputs, 3), level).mean, expected, rtol=1e-8)
    assert_close(form.network_input(z_t, level), expected, rtol=1e-8)
