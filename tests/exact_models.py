"""Models of which everything is known (Gaussian data, linear F, exact predictor), and exact expectations over them."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import ndm
from ndm.base.part import Part
from ndm.bounds.bound import continuous_integrand, discrete_integrand
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.parts.time_functions import TimeFunctions
from ndm.parts.transforms import Transform

ZERO, ONE = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)


def assert_close(got: Tensor, expected: Tensor | float, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    torch.testing.assert_close(got, torch.as_tensor(expected).to(got).expand_as(got), rtol=rtol, atol=atol)


def assert_first_order(coarse: Tensor, fine: Tensor, largest: float) -> None:
    """`coarse` and `fine` are errors at T and 2T steps: c / T + O(1 / T^2), so that 2 fine - coarse is nearly 0."""
    size = coarse.abs().max()
    assert 1e-9 < size < largest, f"the error is {size:g}"
    assert (2 * fine - coarse).abs().max() < 0.04 * size, f"{size:g} becomes {fine.abs().max():g} at twice the steps"


def perturbed(part: nn.Module, std: float = 0.1) -> nn.Module:
    """The part with noise on every parameter, so that nothing stays at its initial zero."""
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=std)
    return part


def derivative(function: Callable[[Tensor], Tensor], t: Tensor, step: float = 1e-4) -> Tensor:
    """df/dt by central differences of fourth order."""
    near = function(t + step) - function(t - step)
    far = function(t + 2 * step) - function(t - 2 * step)
    return (8 * near - far) / (12 * step)


def units(event_shape: tuple[int, ...]) -> Tensor:
    """The d unit vectors as events, (d, *event)."""
    size = math.prod(event_shape)
    return torch.eye(size).reshape(size, *event_shape)


def covariance(gaussian: ndm.Gaussian) -> Tensor:
    """The (d, d) matrix, from what `sample` makes of the unit vectors; `gaussian` is a batch of one."""
    columns = (gaussian.sample(units(gaussian.mean.shape[1:])) - gaussian.mean).flatten(1)
    return columns.mT @ columns


def cubature(dimension: int) -> Tensor:
    """2n points (2n, n) whose plain mean is E[f(noise)] for white noise and any quadratic f."""
    axes = math.sqrt(dimension) * torch.eye(dimension)
    return torch.cat([axes, -axes])


def gauss_legendre(num: int = 64) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the integral over [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(num)
    return torch.from_numpy(nodes / 2 + 0.5), torch.from_numpy(weights / 2)


def diffusion(model: ndm.NeuralDiffusion, x: Tensor, noise: Tensor, timesteps: int | None = None) -> Tensor:
    """The diffusion term of x at this noise (B,), over all times: quadrature, or the sum of all T steps."""
    if timesteps is None:
        times, weights = gauss_legendre()
    else:
        times, weights = torch.arange(timesteps), torch.full((timesteps,), 1 / timesteps)
    every = times.repeat_interleave(len(x))
    curve, repeated = model.curve(x.repeat(len(times), 1)), noise.repeat(len(times), 1)
    if timesteps is None:
        values = continuous_integrand(model, curve, every, repeated, None)
    else:
        values = discrete_integrand(model, curve, every, timesteps, repeated, repeated, None)
    return weights @ values.reshape(len(times), len(x))


def expected_bound(model: ndm.NeuralDiffusion, data: Tensor, timesteps: int | None = None) -> ndm.Bound:
    """The bound's three terms averaged over x ~ N(0, data), noise and time: exact for linear F and predictor."""
    points = cubature(2 * len(data))
    x, noise = points[:, : len(data)] @ torch.linalg.cholesky(data).mT, points[:, len(data) :]
    terms = (
        model.marginal(model.curve(x), ONE).kl(model.prior(x)),
        diffusion(model, x, noise, timesteps),
        model.decoder.reconstruction(x, model.schedule(ZERO), noise),
    )
    return ndm.Bound(*(term.mean() for term in terms))


def random_covariance(dimension: int) -> Tensor:
    root = torch.randn(dimension, dimension) / math.sqrt(dimension)
    return root @ root.mT + 0.2 * torch.eye(dimension)


def entropy(data: Tensor) -> Tensor:
    """That of N(0, data): the least expected -log p(x)."""
    return 0.5 * torch.logdet(2 * math.pi * math.e * data)


class LinearHeads(Part):
    """h_k(x) = M_k x, (B, d) -> (B, K, d), so that F(x, t) = (I + sum_k b_k(t) M_k) x."""

    def __init__(self, matrices: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrices", matrices)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return torch.einsum("kij,bj->bki", self.matrices, x)


def linear_transform(*matrices: Tensor) -> ndm.SeriesTransform:
    """F(x, t) = (I + t M_1 + t^2 M_2 + ...) x."""
    return ndm.SeriesTransform(LinearHeads(torch.stack(matrices)), ndm.time_functions.Monomials(len(matrices)))


class LogGrowth(TimeFunctions):
    """b(t) = log(1 + t / 2)."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.log1p(t[..., None] / 2), 1 / (2 + t[..., None])


def growth() -> ndm.transforms.ScalingTransform:
    """F(x, t) = (1 + t / 2) x on one dimension."""
    transform = ndm.transforms.ScalingTransform((1,), functions=LogGrowth())
    nn.init.ones_(transform.log_scale)
    return transform


class ExactPredictor:
    """x^ = E[x | z_t] = alpha S A^T (alpha^2 A S A^T + sigma^2 I)^-1 z_t, for x ~ N(0, S) and F(x, t) = A_t x."""

    def __init__(self, data: Tensor, schedule: Schedule, transform: Transform) -> None:
        self.data, self.schedule, self.transform = data, schedule, transform

    def matrix(self, t: Tensor) -> Tensor:
        """A_t, (B, d, d) for t (B,)."""
        size = len(self.data)
        columns = self.transform(torch.eye(size).to(self.data).repeat(len(t), 1), t.repeat_interleave(size))
        return columns.reshape(len(t), size, size).mT

    def __call__(self, z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        level: NoiseLevel = self.schedule(t)
        signal = level.alpha[:, None, None] * self.matrix(t)
        noise = level.sigma[:, None, None] ** 2 * torch.eye(len(self.data)).to(self.data)
        cross = self.data @ signal.mT
        return (cross @ torch.linalg.solve(signal @ cross + noise, z_t[..., None]))[..., 0]


def gaussian_model(
    data: Tensor, transform: Transform | None = None, schedule: Schedule | None = None, **parts
) -> ndm.NeuralDiffusion:
    """The model of x ~ N(0, data) with the exact predictor, for an F that is linear in x."""
    transform, schedule = transform or ndm.IdentityTransform(), schedule or ndm.schedules.LinearSchedule()
    exact = ExactPredictor(data, schedule, transform)
    return ndm.NeuralDiffusion(schedule, transform, exact, ndm.GaussianDecoder(), **parts).eval()


def squashing_model(
    transform: Transform | None = None, schedule: Schedule | None = None, **parts
) -> ndm.NeuralDiffusion:
    """A model with a predictor that is wrong, non-linear and simple: x^ = tanh(z_t - t)."""

    def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return torch.tanh(z_t - t.reshape(-1, *[1] * (z_t.ndim - 1)))

    return ndm.NeuralDiffusion(
        schedule or ndm.schedules.LinearSchedule(),
        transform or ndm.IdentityTransform(),
        predictor,
        ndm.GaussianDecoder(),
        **parts,
    ).eval()


def small_transform(name: str, event_shape: tuple[int, ...] = (3,)) -> Transform:
    """One of the library's transformations with random parameters, on small events."""
    made = {
        "identity": lambda: ndm.IdentityTransform(),
        "scaling": lambda: ndm.transforms.ScalingTransform(event_shape),
        "frequency": lambda: ndm.transforms.ScalingTransform(
            event_shape, ndm.process.bases.CosineBasis(*event_shape[-2:])
        ),
        "series": lambda: ndm.SeriesTransform(
            ndm.nn.HiddenLayer(event_shape, 3, width=16), ndm.time_functions.IntegratedBumps(3)
        ),
        "residual": lambda: ndm.transforms.ResidualTransform(ndm.MLP(event_shape, width=16, depth=1)),
    }
    return perturbed(made[name](), std=0.2)


def correlated() -> ndm.NeuralDiffusion:
    """A model whose Jacobian is not diagonal."""
    return gaussian_model(torch.tensor([[1.0, 0.8], [0.8, 1.0]]), schedule=ndm.schedules.LinearSchedule(-4.0, 3.0))


def levels_model() -> ndm.NeuralDiffusion:
    """Three levels, and a predictor that knows nothing: x^ is the posterior mean of N(0, 1)."""
    schedule = ndm.schedules.LinearSchedule(-2.0, 4.0)

    def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return schedule(t).alpha[:, None] * z_t

    return ndm.NeuralDiffusion(schedule, ndm.IdentityTransform(), predictor, ndm.DiscretisedDecoder(3)).eval()
