"""The one-file example: its formulas against each other, and its command line."""

import importlib.util
import itertools
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

PATH = Path(__file__).resolve().parents[2] / "examples" / "ndm_2d.py"
ETAS = [0.0, 0.5, 1.0, 2.0]


@pytest.fixture(scope="module")
def ndm_2d():
    spec = importlib.util.spec_from_file_location("ndm_2d_example", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def random_model(ndm_2d, num_basis, gamma=(-4.0, 3.0)):
    """float64, and weights away from their start at h = 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ndm_2d.NDM(num_basis, gamma=gamma, width=16).double().requires_grad_(False)
        for name, parameter in model.named_parameters():
            if name != "ends":
                parameter.copy_(0.4 * torch.randn_like(parameter))
    return model


@pytest.fixture
def model(ndm_2d):
    return random_model(ndm_2d, 2)


@pytest.fixture
def x(ndm_2d):
    torch.manual_seed(1)
    return ndm_2d.moons(64, torch.float64)[0]


def scalar(t):
    return torch.tensor(t, dtype=torch.float64)


def test_true_nll_has_the_mean_that_the_example_states(ndm_2d):
    torch.manual_seed(0)
    nll = ndm_2d.true_nll(ndm_2d.moons(4000, torch.float64)[0])
    assert nll.mean().item() == pytest.approx(ndm_2d.TRUE_NLL, abs=4 * nll.std().item() / len(nll) ** 0.5)
    grid = torch.linspace(-5, 5, 101, dtype=torch.float64)
    area = (-ndm_2d.true_nll(torch.cartesian_prod(grid, grid), nodes=100)).exp().sum() * 0.1**2
    assert area.item() == pytest.approx(1, abs=1e-6)


def test_the_curve_starts_at_x_and_moves(model, x):
    curve = model.curve(x)
    assert torch.allclose(curve(scalar(0.0)), x, rtol=0, atol=1e-14)
    assert (curve(scalar(1.0)) - x).abs().mean() > 0.1


def test_zero_basis_functions_are_the_identity(ndm_2d, x):
    curve = random_model(ndm_2d, 0).curve(x)
    value, rate = curve.with_velocity(scalar(0.7))
    assert torch.equal(value, x)
    assert torch.equal(rate, torch.zeros_like(x))


def test_curve_velocity_is_the_central_difference(model, x):
    t, h = torch.linspace(0.05, 0.95, len(x), dtype=torch.float64)[:, None], 1e-5
    for curve in (model.curve(x), model.predict(x, t)):
        numeric = (curve(t + h) - curve(t - h)) / (2 * h)
        assert torch.allclose(curve.with_velocity(t)[1], numeric, rtol=1e-7, atol=1e-8)


def test_a_scalar_time_equals_a_column_of_it(model, x):
    column = torch.full((len(x), 1), 0.3, dtype=torch.float64)
    assert torch.allclose(model.curve(x)(scalar(0.3)), model.curve(x)(column), rtol=0, atol=1e-14)
    assert torch.allclose(model.predict(x, scalar(0.3)).x, model.predict(x, column).x, rtol=0, atol=1e-12)


def test_ode_velocity_is_the_limit_of_a_deterministic_step(ndm_2d, model, x):
    t, h = scalar(0.6), 1e-6
    stepped, v = ndm_2d.posterior(model, x, model.predict(x, t), t - h, t, 0.0)
    assert torch.equal(v, torch.zeros_like(v))
    assert torch.allclose(ndm_2d.velocity(model, x, t), (x - stepped) / h, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("eta", ETAS)
def test_posterior_composes_to_the_marginal(ndm_2d, model, x, eta):
    """Mean at z_t's mean, and variance c^2 sigma_t^2 + v, where c is read off the step itself."""
    f, s, t = model.curve(x), scalar(0.35), scalar(0.8)
    (alpha_s, sigma_s), (alpha_t, sigma_t) = model.alpha_sigma(s), model.alpha_sigma(t)
    mean, v = ndm_2d.posterior(model, alpha_t * f(t), f, s, t, eta)
    c = ndm_2d.posterior(model, alpha_t * f(t) + 1, f, s, t, eta)[0] - mean
    assert torch.allclose(mean, alpha_s * f(s), rtol=0, atol=1e-13)
    assert torch.allclose(c**2 * sigma_t**2 + v, (sigma_s**2).expand_as(c), rtol=1e-12, atol=0)


def test_posterior_is_ddpm_at_eta_one(ndm_2d, x):
    model, s, t = random_model(ndm_2d, 0), scalar(0.35), scalar(0.8)
    (alpha_s, sigma_s), (alpha_t, sigma_t) = model.alpha_sigma(s), model.alpha_sigma(t)
    z = torch.randn_like(x)
    mean, v = ndm_2d.posterior(model, z, model.curve(x), s, t, 1.0)
    ratio = alpha_t / alpha_s
    step_variance = sigma_t**2 - ratio**2 * sigma_s**2
    expected = (ratio * sigma_s**2 * z + alpha_s * step_variance * x) / sigma_t**2
    assert torch.allclose(mean, expected, rtol=1e-12, atol=1e-12)
    assert v.item() == pytest.approx((step_variance * sigma_s**2 / sigma_t**2).item(), rel=1e-12)


@pytest.mark.parametrize("eta", ETAS[1:])
def test_step_kl_is_the_kl_of_the_two_posteriors(ndm_2d, model, x, eta):
    f, s, t = model.curve(x), scalar(0.4), scalar(0.5)
    z = x + 0.3
    f_hat = model.predict(z, t)
    q, p = (ndm_2d.posterior(model, z, curve, s, t, eta) for curve in (f, f_hat))
    expected = ((q[0] - p[0]) ** 2).sum(1) / (2 * q[1])
    assert torch.allclose(ndm_2d.step_kl(model, f - f_hat, s, t, eta), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("eta", ETAS[1:])
def test_many_small_steps_cost_the_continuous_rate_with_error_of_order_one_over_T(ndm_2d, model, x, eta):
    t = scalar(0.6)
    dF = model.curve(x) - model.predict(x, t)
    rate = ndm_2d.diffusion_rate(model, dF, t, eta).mean()
    costs = [T * ndm_2d.step_kl(model, dF, t - 1 / T, t, eta).mean() for T in (500, 5000)]
    errors = [(cost / rate - 1).abs().item() for cost in costs]
    assert errors[1] < 0.01
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.2)


def test_the_identity_has_the_losses_of_vdm(ndm_2d, x):
    model = random_model(ndm_2d, 0)
    s, t = scalar(0.4), scalar(0.6)
    f_hat = model.predict(x, t)
    square = ((x - f_hat.x) ** 2).sum(1)
    (gamma_s, slope), (gamma_t, _) = model.gamma(s), model.gamma(t)
    dF = model.curve(x) - f_hat
    continuous = 0.5 * (-gamma_t).exp() * slope * square
    discrete = 0.5 * ((-gamma_s).exp() - (-gamma_t).exp()) * square
    assert torch.allclose(ndm_2d.diffusion_rate(model, dF, t, 1.0), continuous, rtol=1e-12, atol=0)
    assert torch.allclose(ndm_2d.step_kl(model, dF, s, t, 1.0), discrete, rtol=1e-10, atol=0)


def exact_gaussian_model(ndm_2d, variance, gamma):
    """An NDM with F = identity and the exact predictor of data N(0, variance I)."""
    model = random_model(ndm_2d, 0, gamma)

    def predict(z, t):
        alpha, sigma = model.alpha_sigma(t)
        x_hat = variance * alpha * z / (variance * alpha**2 + sigma**2)
        return ndm_2d.Curve(x_hat, z.new_zeros(len(z), 0, 2), model.basis)

    model.predict = predict
    return model


def test_likelihoods_of_gaussian_data_with_the_exact_predictor(ndm_2d):
    """The ODE carries N(0, I) back by a linear map; the bound is 1.835412 - 1.835393 above, per dimension."""
    torch.manual_seed(0)
    variance = 2.3
    model = exact_gaussian_model(ndm_2d, variance, (-13.3, 5.0))
    x = variance**0.5 * torch.randn(2000, 2, dtype=torch.float64)
    exact = (x**2).sum(1) / (2 * variance) + math.log(2 * math.pi * variance)
    alpha, sigma = model.alpha_sigma(torch.tensor([0.0, 1.0], dtype=torch.float64))
    start, end = variance * alpha**2 + sigma**2
    carried = start / end / alpha[0] ** 2
    ode = ndm_2d.ode_nll(model, x[:50], steps=100)
    expected = (x[:50] ** 2).sum(1) / (2 * carried) + torch.log(2 * math.pi * carried)
    assert torch.allclose(ode, expected, rtol=0, atol=1e-6)
    assert ode.mean().item() == pytest.approx(exact[:50].mean().item(), abs=0.01)
    gaps = torch.stack([ndm_2d.nelbo(model, x) - exact for _ in range(50)]).mean(0)
    assert gaps.mean().item() == pytest.approx(2 * 1.9e-5, abs=4 * gaps.std().item() / len(gaps) ** 0.5)
    ten = torch.stack([ndm_2d.nelbo(model, x, timesteps=10) - exact for _ in range(10)]).mean(0)
    assert ten.mean() > 5 * ten.std() / len(ten) ** 0.5  # ten steps of this schedule are too few


def test_ode_nll_converges_with_order_four(ndm_2d, model, x):
    reference = ndm_2d.ode_nll(model, x[:8], steps=80)
    errors = [(ndm_2d.ode_nll(model, x[:8], steps=n) - reference).abs().mean().item() for n in (10, 20)]
    assert math.log2(errors[0] / errors[1]) > 3.3


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_of_an_exact_gaussian_model_have_its_variance(ndm_2d, eta):
    torch.manual_seed(0)
    n, variance = 4000, 2.3
    path = ndm_2d.sample(exact_gaussian_model(ndm_2d, variance, (-9.0, 6.0)), n, steps=400, eta=eta)
    assert path.shape == (401, n, 2)
    assert path[-1].var(0).mean().item() == pytest.approx(variance, rel=0.09)


@pytest.mark.parametrize("timesteps", [None, 3])
def test_training_lowers_the_bound_and_reaches_F_and_the_schedule(ndm_2d, timesteps, monkeypatch):
    monkeypatch.setattr(
        ndm_2d, "time", SimpleNamespace(monotonic=itertools.count().__next__)
    )  # a step a second
    torch.manual_seed(0)
    model = ndm_2d.NDM(1, gamma=(-4.0, 3.0), width=16)
    x, _ = ndm_2d.moons(1000)
    with torch.no_grad():
        before = ndm_2d.nelbo(model, x, timesteps=timesteps).mean()
    trained = ndm_2d.train(model, 200, timesteps=timesteps, learn_schedule=True, batch=64)
    with torch.no_grad():
        assert ndm_2d.nelbo(trained, x, timesteps=timesteps).mean() < before
        assert not torch.equal(trained.curve(x)(torch.tensor(1.0)), x)
        assert not torch.equal(trained.ends, torch.tensor([-4.0, 3.0]))


def test_the_command_line_runs_end_to_end(ndm_2d, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ndm_2d, "report", lambda model, x, run=ndm_2d.report: run(model, x[:100], 2))
    threads = torch.get_num_threads()
    try:
        ndm_2d.main(["--seconds", "2", "--steps", "5", "--out", str(tmp_path / "moons.png")])
    finally:
        torch.set_num_threads(threads)
    out = capsys.readouterr().out
    assert (tmp_path / "moons.png").read_bytes().startswith(b"\x89PNG")
    for word in ("NELBO, continuous", "NELBO, T = 10", "ODE", "truth", "2.412", "Var F / Var x"):
        assert word in out
    assert "nan" not in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--seed", "-1"], "--seed"),
        (["--timesteps", "0"], "--timesteps"),
        (["--steps", "0"], "--steps"),
        (["--eta", "-0.5"], "--eta"),
        (["--eta", "nan"], "--eta"),
        (["--gamma", "3", "-4"], "--gamma"),
        (["--gamma", "nan", "1"], "--gamma"),
        (["--transform", "affine"], "--transform"),
        (["--out", "moons.jpg"], ".png"),
        (["--out", "no/such/folder/moons.png"], "no folder"),
    ],
)
def test_bad_arguments_are_refused_by_name(ndm_2d, capsys, arguments, word):
    with pytest.raises(SystemExit) as stopped:
        ndm_2d.main(arguments)
    assert stopped.value.code == 2
    assert word in capsys.readouterr().err.splitlines()[-1]
