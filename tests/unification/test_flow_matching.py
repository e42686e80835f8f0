"""Flow matching: Lipman et al. (2022), https://arxiv.org/abs/2210.02747, where time runs from noise, 0, to data, 1."""

import torch
from exact_models import ZERO, assert_close, squashing_model
from torch import Tensor
from torch.distributions import Normal

import ndm

from .common import BATCH, events, made

SIGMA_MIN = 0.01


def conditional_flow(x: Tensor, x_1: Tensor, time: Tensor) -> Tensor:
    """Eq. 21: u_t(x | x_1) = (x_1 - (1 - sigma_min) x) / (1 - (1 - sigma_min) t)."""
    return (x_1 - (1 - SIGMA_MIN) * x) / (1 - (1 - SIGMA_MIN) * time)


def test_flow_matching_conditional_path() -> None:
    """Eq. 22: psi_t(x_0) = (1 - (1 - sigma_min) t) x_0 + t x_1, of velocity x_1 - (1 - sigma_min) x_0."""
    model, (x_1, x_0, _) = made("flow_matching"), events()
    time = torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    curve = model.transform.curve(x_1)
    psi = model.marginal(curve, 1 - time).sample(x_0)
    assert_close(psi, (1 - (1 - SIGMA_MIN) * time)[:, None] * x_0 + time[:, None] * x_1, atol=1e-9)
    velocity = -model.velocity(psi, curve, 1 - time)
    assert_close(velocity, x_1 - (1 - SIGMA_MIN) * x_0, rtol=1e-8, atol=1e-9)
    assert_close(velocity, conditional_flow(psi, x_1, time[:, None]), rtol=1e-8, atol=1e-9)


def test_flow_matching_marginal_velocity() -> None:
    """Eq. 8: u_t(x) = sum over data of u_t(x | x_1) p_t(x | x_1) / p_t(x), for data of four points, all known."""
    points, z = torch.randn(4, 3), torch.randn(BATCH, 3)

    def weights(x: Tensor, time: Tensor) -> Tensor:
        means, std = time[:, None, None] * points, (1 - (1 - SIGMA_MIN) * time)[:, None, None]
        return torch.softmax(Normal(means, std).log_prob(x[:, None]).sum(-1), 1)

    def denoise(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return weights(z_t, 1 - t) @ points

    model = squashing_model(schedule=made("flow_matching").schedule)
    model.predictor.function = denoise
    time = torch.tensor([0.0, 0.1, 0.4, 0.7, 0.9, 0.97])
    conditional = conditional_flow(z[:, None], points, time[:, None, None])
    expected = (weights(z, time)[..., None] * conditional).sum(1)
    assert_close(-model.velocity(z, model.predict(z, 1 - time), 1 - time), expected, rtol=1e-7)


def test_flow_matching_is_a_network_of_the_velocity() -> None:
    """Any field u(x, t) is our ODE's, by x^ = (1 - sigma_min) z + (1 - (1 - sigma_min) t) u, and x^ has a field."""

    def field(x: Tensor, time: Tensor) -> Tensor:
        return torch.tanh(2 * x.roll(1, -1) - time[:, None])

    def denoise(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return (1 - SIGMA_MIN) * z_t + (1 - (1 - SIGMA_MIN) * (1 - t))[:, None] * field(z_t, 1 - t)

    model, z, time = (
        squashing_model(schedule=ndm.schedules.FlowSchedule(SIGMA_MIN)),
        torch.randn(BATCH, 3),
        torch.rand(BATCH),
    )
    model.predictor.function = denoise
    assert_close(-model.velocity(z, model.predict(z, 1 - time), 1 - time), field(z, time), rtol=1e-8)

    model = made("flow_matching")
    x_hat = model.predict(z, 1 - time)(ZERO)
    expected = conditional_flow(z, x_hat, time[:, None])
    assert_close(-model.velocity(z, model.predict(z, 1 - time), 1 - time), expected, rtol=1e-8)


def test_flow_matching_sampling_is_eulers_method() -> None:
    """x_{t+h} = x_t + h u_t(x_t), from the noise on."""
    model, z = made("flow_matching"), torch.randn(BATCH, 3)
    for time, h in ((0.0, 0.25), (0.25, 0.25), (0.5, 0.3), (0.9, 0.1)):
        t, s = torch.tensor(1 - time), torch.tensor(1 - time - h)
        field = conditional_flow(z, model.predict(z, t)(ZERO), torch.tensor(time))
        assert_close(ndm.samplers.Deterministic(model).step(z, s, t, z, None), z + h * field, rtol=1e-8, atol=1e-10)
