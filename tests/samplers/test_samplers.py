"""Samplers of the deterministic process: their orders of convergence, and where a step is exact."""

import inspect
import math
import warnings

import pytest
import torch
import torchsde
from exact_models import assert_close, gaussian_model, growth, squashing_model
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.base.noise import sample_noise
from ndm.samplers import Sampler
from ndm.samplers._times import uniform_time
from ndm.samplers.grids import uniform_gamma
from ndm.samplers.sde import WhiteNoise

SAMPLERS = axes.SAMPLERS.every()
OF_AN_ORDER = [name for name, kind in SAMPLERS.items() if kind.order is not None]
DATA = torch.tensor([[2.3]], dtype=torch.float64)


def still(name: str, model: ndm.NeuralDiffusion, steps: int, grid=uniform_time) -> Sampler:
    """The sampler of that name, without noise."""
    options = inspect.signature(SAMPLERS[name]).parameters
    return SAMPLERS[name](model, steps, grid=grid, **{"eta": 0.0} if "eta" in options else {})


def slope(steps: list[int], errors: list[float]) -> float:
    """Of log error over log step, by least squares."""
    x, y = (torch.tensor(values).log() for values in ([1.0 / n for n in steps], errors))
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


@pytest.mark.parametrize("name", OF_AN_ORDER)
@pytest.mark.parametrize("path", [ndm.IdentityTransform, growth])
@pytest.mark.parametrize("grid", [uniform_time, uniform_gamma])
def test_the_declared_order_on_gaussian_data(name, path, grid) -> None:
    """Against z_0 = z_1 s_0 / s_1, s_t the standard deviation of z_t: the ODE's exact solution."""
    model = gaussian_model(DATA, path(), ndm.schedules.CosineSchedule(-4.0, 3.0))

    def std(t: float) -> Tensor:
        level = model.schedule(torch.tensor(t))
        scale = model.transform(torch.ones(1, 1), torch.tensor(t))[0, 0]
        return (level.alpha**2 * scale**2 * DATA[0, 0] + level.sigma**2).sqrt()

    steps, errors = [40, 80, 160], []
    for n in steps:
        path_of_z = still(name, model, n, grid).trajectory((64, 1))
        errors.append(float((path_of_z[-1] - path_of_z[0] * std(0.0) / std(1.0)).abs().max()))
    found = slope(steps, errors)
    assert SAMPLERS[name].order - 0.2 < found < SAMPLERS[name].order + 0.5, f"{name}: {found:.2f}, {errors}"


@pytest.mark.parametrize("name", OF_AN_ORDER)
def test_the_declared_order_for_a_non_linear_predictor(name) -> None:
    """Against the adaptive ODE at a tolerance of 1e-11."""
    model = squashing_model(growth(), ndm.schedules.LinearSchedule(-4.0, 3.0))
    steps, errors, solver = [32, 64, 128], [], ndm.ode.solvers.Adaptive("dopri8", 1e-11, 1e-11)
    for n in steps:
        path = still(name, model, n).trajectory((16, 1))
        exact = ndm.decode(model, path[0], solver=solver) * model.schedule(torch.tensor(0.0)).alpha
        errors.append(float((path[-1] - exact).abs().max()))
    found = slope(steps, errors)
    assert SAMPLERS[name].order - 0.25 < found < SAMPLERS[name].order + 0.6, f"{name}: {found:.2f}, {errors}"


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "sde"])  # whose solver knows of no curve
@pytest.mark.parametrize(
    "schedule", [ndm.schedules.LinearSchedule, ndm.schedules.CosineSchedule, ndm.schedules.FlowSchedule]
)
def test_any_number_of_steps_is_exact_where_the_curve_is_constant(name, schedule) -> None:
    """x^ = 0.7 whatever z: z_0 = alpha_0 F(0.7, 0) + (sigma_0 / sigma_1) (z_1 - alpha_1 F(0.7, 1))."""
    model = ndm.NeuralDiffusion(
        schedule(), growth(), lambda z_t, t, cond: torch.full_like(z_t, 0.7), ndm.GaussianDecoder()
    ).eval()
    at_0, at_1 = model.schedule(torch.tensor(0.0)), model.schedule(torch.tensor(1.0))
    for steps in (1, 2, 5):
        path = still(name, model, steps).trajectory((8, 1))
        expected = at_0.alpha * 0.7 + at_0.sigma / at_1.sigma * (path[0] - at_1.alpha * 1.5 * 0.7)
        tolerance = 1e-4 if SAMPLERS[name].order is None else 1e-9
        assert_close(path[-1], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_trajectory_ends_in_the_sample(name) -> None:
    model = gaussian_model(DATA)
    sampler = still(name, model, 6)
    path, x = sampler.trajectory((5, 1), seed=3), sampler((5, 1), seed=3)
    assert path.shape == (7, 5, 1) and not torch.allclose(path[0], path[-1])
    error = (x - path[-1] / model.schedule(torch.tensor(0.0)).alpha).abs().max()
    assert 0 < error < 6 * math.exp(-13.3 / 2)  # what the decoder adds


def test_multistep_is_dpm_solver() -> None:
    """DPM-Solver++(2M), Lu et al. (2022), algorithm 2, in its own symbols, for F = identity."""
    model = squashing_model(schedule=ndm.schedules.CosineSchedule(-5.0, 4.0))
    sampler = ndm.samplers.Multistep(model, 7)
    path, times = sampler.trajectory((4, 2)), sampler.times
    level = model.schedule(times)
    lam, z, before = -level.gamma / 2, path[0], None
    for i in range(1, 8):
        h = lam[i] - lam[i - 1]
        x_hat = torch.tanh(z - times[i - 1])
        d = x_hat
        if before is not None:
            r = (lam[i - 1] - lam[i - 2]) / h
            d = (1 + 1 / (2 * r)) * x_hat - before / (2 * r)
        z = level.sigma[i] / level.sigma[i - 1] * z - level.alpha[i] * torch.expm1(-h) * d
        before = x_hat
        assert_close(path[i], z, rtol=1e-9)


@pytest.mark.parametrize("grid", [uniform_time, uniform_gamma])
def test_third_order_multistep_is_dpm_solver(grid) -> None:
    """DPM-Solver++(3M) for F = identity: the integral of exp(lambda) times the Taylor polynomial whose derivatives are
    those of the parabola through the last three predictions. (The published code has phi_3 D2, half of the last term.)
    """
    model = squashing_model(schedule=ndm.schedules.CosineSchedule(-5.0, 4.0))
    path, times = (sampler := ndm.samplers.ThirdOrderMultistep(model, 9, grid=grid)).trajectory((4, 2)), sampler.times
    level = model.schedule(times)
    lam = -level.gamma / 2
    x_hat = [torch.tanh(z - t) for z, t in zip(path, times, strict=True)]
    for i in range(5, 10):  # whose three predictions belong to the path
        h, h_0, h_1 = lam[i] - lam[i - 1], lam[i - 1] - lam[i - 2], lam[i - 2] - lam[i - 3]
        r_0, r_1 = h_0 / h, h_1 / h
        d_0, d_1 = (x_hat[i - 1] - x_hat[i - 2]) / r_0, (x_hat[i - 2] - x_hat[i - 3]) / r_1
        first, second = d_0 + r_0 / (r_0 + r_1) * (d_0 - d_1), 2 / (r_0 + r_1) * (d_0 - d_1)
        phi_1 = torch.expm1(-h)
        phi_2 = phi_1 / h + 1
        phi_3 = phi_2 / h - 0.5
        z = level.sigma[i] / level.sigma[i - 1] * path[i - 1] + level.alpha[i] * (
            -phi_1 * x_hat[i - 1] + phi_2 * first - phi_3 * second
        )
        assert_close(path[i], z, rtol=1e-9)


def test_third_order_multistep_evaluates_the_network_once_a_step() -> None:
    asked = []

    def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        asked.append(float(t[0]))
        return torch.tanh(z_t)

    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), predictor, ndm.GaussianDecoder()
    )
    for steps in (1, 2, 5):
        sampler = ndm.samplers.ThirdOrderMultistep(model, steps)
        asked.clear()
        sampler((3, 2))
        assert asked == sampler.times[:-1].tolist()


def deviation_of_variance(name: str, model: ndm.NeuralDiffusion, steps: int, eta: float) -> float:
    """|std of z_0 - the process's|, exactly: z_0 is linear in all noise, whose gains are found one by one."""

    class Units:
        """In place of noise: the n-th number asked for is 1 for the n-th of the batch, and 0 for all others."""

        def __init__(self) -> None:
            self.asked = 0

        def normal(self) -> Tensor:
            row = torch.zeros(2 * steps + 1, 1)  # at most two numbers a step
            row[self.asked] = 1
            self.asked += 1
            return row

    sampler, noise = SAMPLERS[name](model, steps, eta=eta), Units()
    *_, z_0 = sampler.walk(noise.normal(), sampler.times, noise, None)
    level, at_1 = model.schedule(torch.tensor(0.0)), model.schedule(torch.tensor(1.0))
    start = (at_1.alpha**2 * DATA[0, 0] + at_1.sigma**2).sqrt()  # of q(z_1), in place of p's 1
    gains = torch.cat([z_0[:1] * start, z_0[1:]])
    return float((gains.square().sum().sqrt() - (level.alpha**2 * DATA[0, 0] + level.sigma**2).sqrt()).abs())


@pytest.mark.parametrize("eta", [0.5, 1.0, 2.0])
def test_with_noise_the_law_converges(eta) -> None:
    """Gaussian data, the standard deviation of z_0: at first order, with extrapolation at second."""
    model, steps = gaussian_model(DATA, schedule=ndm.schedules.LinearSchedule(-4.0, 5.0)), [40, 80, 160]
    names = ("ancestral", "exponential", "sde")
    errors = {name: [deviation_of_variance(name, model, n, eta) for n in steps] for name in names}
    assert 0.9 < slope(steps, errors["ancestral"]) < 1.1, errors
    assert 1.9 < slope(steps, errors["exponential"]) < 2.1, errors
    assert 1.8 < slope(steps, errors["sde"]) < 2.2, errors


def test_the_noise_of_the_sde_is_a_brownian_motion() -> None:
    """The covariance of W and of its integral U over an interval, (h, h^2 / 2; h^2 / 2, h^3 / 3), as torchsde's."""
    start, end = torch.tensor(0.2), torch.tensor(0.7)
    theirs = torchsde.BrownianInterval(0.0, 1.0, (40_000, 1), entropy=3, levy_area_approximation="space-time")
    ours = WhiteNoise(sample_noise(3, 0, (40_000, 1), torch.zeros(())), torch.Size((40_000, 1)))
    h = end - start
    exact = torch.stack([torch.stack([h, h**2 / 2]), torch.stack([h**2 / 2, h**3 / 3])])
    for motion in (theirs, ours):
        found = torch.cov(torch.cat(motion(start, end, return_U=True), 1).mT)
        assert_close(found, exact, rtol=0.03)


def test_the_sde_asks_the_network_no_more_than_it_says() -> None:
    asked = []

    def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        asked.append(float(t[0]))
        return torch.tanh(z_t)

    model = ndm.NeuralDiffusion(ndm.schedules.FlowSchedule(), ndm.IdentityTransform(), predictor, ndm.GaussianDecoder())
    for method, times in (("euler", [1.0, 0.75, 0.5, 0.25]), ("srk", [1.0, 0.75, 0.5625, 0.5, 0.3125, 0.25, 0.0625])):
        asked.clear()
        ndm.samplers.Sde(model, 4, method=method)((2, 1))
        assert asked == times  # the first step, from no signal, is the exact one


def test_the_sde_warns_of_steps_too_large_for_it() -> None:
    """(1 + eta) (gamma_t - gamma_s) = 2 * 9 / 4 beyond 4, and 2 * 9 / 5 below."""
    model = gaussian_model(DATA, schedule=ndm.schedules.LinearSchedule(-4.0, 5.0))
    with pytest.warns(UserWarning, match=r"reaches 4\.5"):
        ndm.samplers.Sde(model, 4, eta=1.0)((2, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ndm.samplers.Sde(model, 5, eta=1.0)((2, 1))


def test_samples_that_are_not_finite_are_not_given() -> None:
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(),
        ndm.IdentityTransform(),
        lambda z_t, t, cond: torch.full_like(z_t, torch.nan),
        ndm.GaussianDecoder(),
    )
    with pytest.raises(FloatingPointError, match="Ancestral in 3 steps are not finite"):
        ndm.samplers.Ancestral(model, 3)((2, 1))


def test_the_order_of_the_sde_is_that_of_its_method() -> None:
    model = gaussian_model(DATA)
    assert ndm.samplers.Sde(model).order == 2 and ndm.samplers.Sde(model, method="euler").order == 1
