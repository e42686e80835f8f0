"""The one-file example: its formulas against each other, and its command line."""

import importlib.util
import itertools
import math
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
    spec.loader.exec_module(module)
    return module


def random_model(ndm_2d, K, ends=(-4.0, 3.0)):
    """float64, and weights away from their start at h = 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ndm_2d.NDM(K, ends, width=16).double().requires_grad_(False)
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
    return ndm_2d.moons(64).double()


def scalar(t):
    return torch.tensor(t, dtype=torch.float64)


def exact_nll_of_moons(x, nodes=800):
    """The density is the mean of N(c, 0.2^2 I) over the points c of both half circles: midpoint rule."""
    angle = (torch.arange(nodes // 2, dtype=x.dtype) + 0.5) * 2 * math.pi / nodes
    upper = torch.stack([2 * angle.cos() - 1, 2 * angle.sin() - 0.2], 1)
    lower = torch.stack([1 - 2 * angle.cos(), 0.8 - 2 * angle.sin()], 1)
    square = ((x[:, None] - torch.cat([upper, lower])) ** 2).sum(-1)
    return math.log(2 * math.pi * 0.04 * nodes) - (-square / 0.08).logsumexp(1)


def test_the_moons_have_the_entropy_that_the_report_states(ndm_2d):
    torch.manual_seed(0)
    nll = exact_nll_of_moons(ndm_2d.moons(8000).double())
    assert "exact: 2.394" in PATH.read_text()
    assert nll.mean().item() == pytest.approx(2.394, abs=4 * nll.std().item() / len(nll) ** 0.5)


def test_the_example_stays_short():
    lines = PATH.read_text().splitlines()
    assert len(lines) <= 225
    assert max(map(len, lines)) <= 110


def test_the_curve_starts_at_x_and_moves(model, x):
    curve = model.curve(x)
    assert torch.allclose(model.at(curve, 0)[0], x, rtol=0, atol=1e-14)
    assert (model.at(curve, 1)[0] - x).abs().mean() > 0.1


def test_zero_basis_functions_are_the_identity(ndm_2d, x):
    model = random_model(ndm_2d, 0)
    value, rate = model.at(model.curve(x), 0.7)
    assert torch.equal(value, x)
    assert torch.equal(rate, torch.zeros_like(x))


def test_curve_velocity_is_the_central_difference(model, x):
    t, h = torch.linspace(0.05, 0.95, len(x), dtype=torch.float64)[:, None], 1e-5
    for curve in (model.curve(x), model.predict(x, t)):
        numeric = (model.at(curve, t + h)[0] - model.at(curve, t - h)[0]) / (2 * h)
        assert torch.allclose(model.at(curve, t)[1], numeric, rtol=1e-7, atol=1e-8)


def test_a_number_as_time_equals_a_column_of_it(model, x):
    column = torch.full((len(x), 1), 0.3, dtype=torch.float64)
    curve = model.curve(x)
    assert torch.allclose(model.at(curve, 0.3)[0], model.at(curve, column)[0], rtol=0, atol=1e-14)
    assert torch.allclose(model.predict(x, 0.3), model.predict(x, column), rtol=0, atol=1e-12)


def test_the_predicted_curve_and_noise_give_back_z(model, x):
    """(z - alpha f^(t)) / sigma is the network's eps^: its first head, on the network's own input."""
    heads = []
    model.predictor.register_forward_hook(lambda module, inputs, output: heads.append(output[:, :2]))
    _, _, alpha, sigma = model.schedule(0.6)
    f = model.at(model.predict(x, 0.6), 0.6)[0]
    assert torch.allclose((x - alpha * f) / sigma, heads[0], rtol=0, atol=1e-12)


def test_ode_velocity_is_the_limit_of_a_deterministic_step(ndm_2d, model, x):
    t, h = scalar(0.6), 1e-6
    stepped, v = ndm_2d.posterior(model, x, model.predict(x, t), t - h, t, 0.0)
    assert torch.equal(v, torch.zeros_like(v))
    assert torch.allclose(ndm_2d.velocity(model, x, t), (x - stepped) / h, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("eta", ETAS)
def test_posterior_composes_to_the_marginal(ndm_2d, model, x, eta):
    """Mean at z_t's mean, and variance c^2 sigma_t^2 + v, where c is read off the step itself."""
    f, s, t = model.curve(x), scalar(0.35), scalar(0.8)
    (_, _, alpha_s, sigma_s), (_, _, alpha_t, sigma_t) = model.schedule(s), model.schedule(t)
    mean, v = ndm_2d.posterior(model, alpha_t * model.at(f, t)[0], f, s, t, eta)
    c = ndm_2d.posterior(model, alpha_t * model.at(f, t)[0] + 1, f, s, t, eta)[0] - mean
    assert torch.allclose(mean, alpha_s * model.at(f, s)[0], rtol=0, atol=1e-13)
    assert torch.allclose(c**2 * sigma_t**2 + v, (sigma_s**2).expand_as(c), rtol=1e-12, atol=0)


def test_posterior_is_ddpm_at_eta_one(ndm_2d, x):
    model, s, t = random_model(ndm_2d, 0), scalar(0.35), scalar(0.8)
    (_, _, alpha_s, sigma_s), (_, _, alpha_t, sigma_t) = model.schedule(s), model.schedule(t)
    z = torch.randn_like(x)
    mean, v = ndm_2d.posterior(model, z, model.curve(x), s, t, 1.0)
    ratio = alpha_t / alpha_s
    reverse_step = sigma_t**2 - ratio**2 * sigma_s**2
    expected = (ratio * sigma_s**2 * z + alpha_s * reverse_step * x) / sigma_t**2
    assert torch.allclose(mean, expected, rtol=1e-12, atol=1e-12)
    assert v.item() == pytest.approx((reverse_step * sigma_s**2 / sigma_t**2).item(), rel=1e-12)


@pytest.mark.parametrize("eta", ETAS[1:])
def test_step_kl_is_the_kl_of_the_two_posteriors(ndm_2d, model, x, eta):
    f, s, t = model.curve(x), scalar(0.4), scalar(0.5)
    z = x + 0.3
    f_hat = model.predict(z, t)
    q, p = (ndm_2d.posterior(model, z, curve, s, t, eta) for curve in (f, f_hat))
    expected = ((q[0] - p[0]) ** 2).sum(1) / (2 * q[1])
    cost = ndm_2d.diffusion(model, f - f_hat, t, 10, eta)
    assert torch.allclose(cost, 10 * expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("eta", ETAS[1:])
def test_many_small_steps_cost_the_continuous_rate_with_error_of_order_one_over_T(ndm_2d, model, x, eta):
    t = scalar(0.6)
    dF = model.curve(x) - model.predict(x, t)
    rate = ndm_2d.diffusion(model, dF, t, 0, eta).mean()
    costs = [ndm_2d.diffusion(model, dF, t, T, eta).mean() for T in (500, 5000)]
    errors = [(cost / rate - 1).abs().item() for cost in costs]
    assert errors[1] < 0.01
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.2)


def test_the_identity_has_the_losses_of_vdm(ndm_2d, x):
    model = random_model(ndm_2d, 0)
    s, t = scalar(0.4), scalar(0.6)
    f_hat = model.predict(x, t)
    square = ((x - f_hat[:, 0]) ** 2).sum(1)
    (gamma_s, slope, _, _), (gamma_t, _, _, _) = model.schedule(s), model.schedule(t)
    dF = model.curve(x) - f_hat
    continuous = 0.5 * (-gamma_t).exp() * slope * square
    discrete = 0.5 * ((-gamma_s).exp() - (-gamma_t).exp()) * square
    assert torch.allclose(ndm_2d.diffusion(model, dF, t, 0, 1.0), continuous, rtol=1e-12, atol=0)
    assert torch.allclose(ndm_2d.diffusion(model, dF, t, 5, 1.0), 5 * discrete, rtol=1e-10, atol=0)


def exact_gaussian_model(ndm_2d, variance, ends):
    """An NDM with F = identity and the exact predictor of data N(0, variance I)."""
    model = random_model(ndm_2d, 0, ends)

    def predict(z, t):
        _, _, alpha, sigma = model.schedule(t)
        return (variance * alpha * z / (variance * alpha**2 + sigma**2))[:, None]

    model.predict = predict
    return model


def test_likelihoods_of_gaussian_data_with_the_exact_predictor(ndm_2d):
    """The ODE carries N(0, I) back by a linear map; the bound is 1.835412 - 1.835393 above, per dimension."""
    torch.manual_seed(0)
    variance = 2.3
    model = exact_gaussian_model(ndm_2d, variance, (-13.3, 5.0))
    x = variance**0.5 * torch.randn(2000, 2, dtype=torch.float64)
    exact = (x**2).sum(1) / (2 * variance) + math.log(2 * math.pi * variance)
    _, _, alpha, sigma = model.schedule(torch.tensor([0.0, 1.0], dtype=torch.float64))
    start, end = variance * alpha**2 + sigma**2
    carried = start / end / alpha[0] ** 2
    ode = ndm_2d.ode_nll(model, x[:50], steps=400)
    expected = (x[:50] ** 2).sum(1) / (2 * carried) + torch.log(2 * math.pi * carried)
    assert torch.allclose(ode, expected, rtol=0, atol=1e-3)
    assert ode.mean().item() == pytest.approx(exact[:50].mean().item(), abs=0.01)
    gaps = torch.stack([ndm_2d.nelbo(model, x, 0) - exact for _ in range(50)]).mean(0)
    assert gaps.mean().item() == pytest.approx(2 * 1.9e-5, abs=4 * gaps.std().item() / len(gaps) ** 0.5)
    ten = torch.stack([ndm_2d.nelbo(model, x, 10) - exact for _ in range(10)]).mean(0)
    assert ten.mean() > 5 * ten.std() / len(ten) ** 0.5  # ten steps of this schedule are too few


def test_ode_nll_converges_with_order_two(ndm_2d, model, x):
    reference = ndm_2d.ode_nll(model, x[:8], steps=800)
    errors = [(ndm_2d.ode_nll(model, x[:8], steps=n) - reference).abs().mean().item() for n in (50, 100)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_of_an_exact_gaussian_model_have_its_variance(ndm_2d, eta):
    torch.manual_seed(0)
    n, variance = 4000, 2.3
    samples = ndm_2d.sample(exact_gaussian_model(ndm_2d, variance, (-9.0, 6.0)), n, steps=400, eta=eta)
    assert samples.shape == (n, 2)
    assert samples.var(0).mean().item() == pytest.approx(variance, rel=0.09)


@pytest.mark.parametrize("T", [0, 3])
def test_training_lowers_the_bound_and_reaches_F_and_few_step_ends(ndm_2d, T, monkeypatch):
    clock = SimpleNamespace(monotonic=itertools.count().__next__)
    monkeypatch.setattr(ndm_2d, "time", clock)  # a step a second
    torch.manual_seed(0)
    model, x = ndm_2d.NDM(1, width=16), ndm_2d.moons(1000)
    before, ends = ndm_2d.nelbo(model, x, T).mean().item(), model.ends.detach().clone()
    trained = ndm_2d.train(model, 200, T, batch=64)
    assert ndm_2d.nelbo(trained, x, T).mean() < before
    assert not torch.equal(trained.at(trained.curve(x), 1)[0], x)
    assert torch.equal(trained.ends, ends) == (T == 0)


@pytest.mark.parametrize(("transform", "T"), [("learned", 10), ("identity", 4), ("learned", 0)])
def test_the_command_line_runs_end_to_end(ndm_2d, tmp_path, capsys, monkeypatch, transform, T):
    monkeypatch.setattr(ndm_2d, "report", lambda model, x, T, run=ndm_2d.report: run(model, x[:100], T))
    options = ["--transform", transform, "--timesteps", str(T), "--out", str(tmp_path / "moons.png")]
    threads = torch.get_num_threads()
    try:
        ndm_2d.main(["--seconds", "0.5", *options])
    finally:
        torch.set_num_threads(threads)
    out = capsys.readouterr().out
    assert (tmp_path / "moons.png").read_bytes().startswith(b"\x89PNG")
    for word in ("NELBO, T = oo", f"NELBO, T = {T or 10} ", "ODE", "2.394", "Var F / Var x"):
        assert word in out
    assert "nan" not in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--seed", "-1"], "--seed"),
        (["--seed", str(2**64)], "--seed"),
        (["--timesteps", "-1"], "--timesteps"),
        (["--timesteps", "2.5"], "--timesteps"),
        (["--transform", "affine"], "--transform"),
        (["--out", "moons.jpg"], ".png"),
        (["--out", "no/such/folder/moons.png"], "--out"),
    ],
)
def test_bad_arguments_are_refused_by_name(ndm_2d, capsys, arguments, word):
    with pytest.raises(SystemExit) as stopped:
        ndm_2d.main(arguments)
    assert stopped.value.code == 2
    assert word in capsys.readouterr().err.splitlines()[-1]
