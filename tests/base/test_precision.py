"""float32 and automatic mixed precision: the bound cancels heavily, and must not lose its digits."""

import copy

import pytest
import torch
from exact_models import assert_close, gaussian_model, perturbed, random_covariance, small_transform
from torch import Tensor

import ndm
from ndm.bounds.bound import continuous_integrand, discrete_integrand

T = 1000


def integrands(model: ndm.NeuralDiffusion, x: Tensor, noise: Tensor) -> Tensor:
    """Mean of the discrete integrand over all T steps, and of the continuous one over as many times."""
    curve, steps = model.curve(x), torch.arange(T)
    t = (steps + 0.5).to(x) / T
    return torch.stack(
        [
            discrete_integrand(model, curve, steps, T, noise, noise, None).double().mean(),
            continuous_integrand(model, curve, t, noise, None).double().mean(),
        ]
    )


def in_single_precision(model: ndm.NeuralDiffusion) -> ndm.NeuralDiffusion:
    """The same model in float32, its analytic predictor included."""
    rounded = copy.deepcopy(model).float()
    function = getattr(rounded.predictor, "function", None)
    if function is not None:
        function.data = function.data.float()
        function.schedule, function.transform = rounded.schedule, rounded.transform
    return rounded


@pytest.mark.parametrize("eta", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("name", ["identity", "scaling", "series", "residual"])
def test_single_precision(name, eta) -> None:
    """T = 1000 and gamma from -13.3 to 5: float32 agrees with float64 to 3e-5.

    Linear F has the exact predictor, where x - x^ is as small as it gets; the others have a random network.
    """
    transform, volatility = small_transform(name), ndm.volatilities.ConstantVolatility(eta)
    if name in ("identity", "scaling"):
        model = gaussian_model(random_covariance(3), transform, volatility=volatility)
    else:
        predictor = perturbed(ndm.predictors.PlugInPredictor(ndm.MLP((3,), width=16, depth=1)), std=0.2)
        model = ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(), transform, predictor, ndm.GaussianDecoder(), volatility
        ).eval()
    x, noise = torch.randn(2, T, 3)
    with torch.no_grad():
        exact, rounded = integrands(model, x, noise), integrands(in_single_precision(model), x.float(), noise.float())
    assert_close(rounded, exact, rtol=3e-5)


@pytest.mark.parametrize("name", ["identity", "scaling", "frequency"])
@pytest.mark.parametrize("timesteps", [None, T])
def test_mixed_precision_leaves_the_bound_alone(name, timesteps) -> None:
    """Under autocast the bound of an exact, elementwise predictor is what it is without: no term is rounded."""
    torch.set_default_dtype(torch.float32)
    schedule, transform = ndm.schedules.LinearSchedule(), small_transform(name, (1, 4, 4))

    def exact(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        """E[x | z_t] = B^T diag(alpha w / (alpha^2 w^2 + sigma^2)) B z_t, for x ~ N(0, I)."""
        level = schedule(t)
        w = 1 if name == "identity" else transform.log_scale_with_velocity(t)[0].exp()
        signal, noise = level.alpha.reshape(-1, 1, 1, 1) * w, level.sigma.reshape(-1, 1, 1, 1)
        return transform.basis.scale(signal / (signal**2 + noise**2), z_t)

    model = ndm.NeuralDiffusion(schedule, transform, exact, ndm.GaussianDecoder()).eval()
    x = torch.randn(64, 1, 4, 4)

    def total() -> Tensor:
        return ndm.bound(model, x, timesteps=timesteps, generator=torch.Generator().manual_seed(0)).total

    plain = total()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = total()
    assert plain.dtype == mixed.dtype == torch.float32
    assert torch.equal(plain, mixed)


def test_mixed_precision_rounds_networks_only() -> None:
    """With networks in bfloat16 the bound moves by no more than their rounding, and keeps finite gradients."""
    torch.set_default_dtype(torch.float32)
    predictor = perturbed(ndm.DirectPredictor(ndm.MLP((3,), 4, width=16, depth=1)))
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(), small_transform("series"), predictor, ndm.GaussianDecoder()
    ).eval()
    x = torch.randn(256, 3)
    for timesteps in (None, T):
        totals = []
        for enabled in (False, True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                totals.append(
                    ndm.bound(model, x, timesteps=timesteps, generator=torch.Generator().manual_seed(0)).total.mean()
                )
        assert_close(totals[1], totals[0], rtol=0.01)
        gradients = torch.autograd.grad(totals[1], list(model.parameters()))
        assert all(gradient.isfinite().all() for gradient in gradients)


NORMAL, CLUSTERS, LEVELS = "normal", "clusters", "levels"
WIDTH, NUM_LEVELS = 1e-3, 4096  # of each of two clusters, around -1.01 and 1.01


def known_data(name: str, num: int) -> Tensor:
    """Data (num, 1) that float32 holds exactly."""
    if name == NORMAL:
        return torch.randn(num, 1).float().double()
    if name == CLUSTERS:
        return (1.01 * torch.randn(num, 1).sign() + WIDTH * torch.randn(num, 1)).float().double()
    return ndm.DiscretisedDecoder(NUM_LEVELS).from_integers(torch.randint(NUM_LEVELS, (num, 1)))


def known_model(name: str, schedule: ndm.schedules.LinearSchedule) -> ndm.NeuralDiffusion:
    """The model of `known_data` with the exact predictor, E[x | z_t], in the precision that it is called in."""
    decoder = ndm.DiscretisedDecoder(NUM_LEVELS) if name == LEVELS else ndm.GaussianDecoder()

    def exact(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        level = schedule(t)
        alpha, sigma = level.alpha[:, None], level.sigma[:, None]
        if name == NORMAL:
            return alpha / (alpha**2 + sigma**2) * z_t
        if name == CLUSTERS:
            total = (alpha * WIDTH) ** 2 + sigma**2
            share = torch.sigmoid(2 * alpha * 1.01 * z_t / total)
            return (z_t - sigma**2 / total * (z_t - alpha * 1.01 * (2 * share - 1))) / alpha  # rounded once
        return (decoder.log_probs(z_t, level).exp() * decoder.values(z_t)).sum(-1)

    return ndm.NeuralDiffusion(schedule, ndm.IdentityTransform(), exact, decoder).eval()


def known_bounds(name: str, model: ndm.NeuralDiffusion, timesteps: int | None, num: int) -> Tensor:
    """float32's and float64's bounds of the same data, without the prior, at the same noise and times, (2, num)."""
    x, (noise, noise_0) = known_data(name, num), torch.randn(2, num, 1)
    t = (torch.randperm(num) + 0.5) / num
    found = []
    for dtype in (torch.float32, torch.float64):
        data, white = x.to(dtype), noise.to(dtype)
        if name == LEVELS:
            data = model.decoder.from_integers(model.decoder.to_integers(x), dtype)
        curve = model.curve(data)
        values = (
            continuous_integrand(model, curve, t.to(dtype), white, None)
            if timesteps is None
            else discrete_integrand(model, curve, (t * timesteps).long(), timesteps, white, white, None)
        )
        start = model.schedule(torch.zeros((), dtype=dtype))
        found.append((values + model.decoder.reconstruction(data, start, noise_0.to(dtype))).double())
    return torch.stack(found)


@pytest.mark.parametrize("timesteps", [None, T])
@pytest.mark.parametrize(("name", "num"), [(NORMAL, 100_000), (CLUSTERS, 100_000), (LEVELS, 400)])
@pytest.mark.parametrize("gamma_min", [-20.0, -25.0, -29.0, -30.0])
def test_a_start_of_gamma_that_single_precision_takes_is_right_in_it(name, num, gamma_min, timesteps) -> None:
    """The bound is float64's to 0.02 nats for each dimension, and errs upwards: it stays a bound."""
    model = known_model(name, ndm.schedules.LinearSchedule(gamma_min, 5.0))
    model.check_noise(known_data(name, num).float())
    single, double = known_bounds(name, model, timesteps, num)
    error, deviation = (single - double).mean(), (single - double).std() / num**0.5
    assert -4 * deviation - 1e-4 < error < 0.02 + 4 * deviation


@pytest.mark.parametrize("name", [NORMAL, CLUSTERS])
def test_below_it_the_bound_would_be_none(name) -> None:
    """What is refused: at -40 float32 lies more than a nat below the entropy, which float64 has."""
    num, model = 50_000, known_model(name, ndm.schedules.LinearSchedule(-40.0, 5.0))
    single, double = known_bounds(name, model, None, num)
    entropy = 0.5 * torch.log(torch.tensor(2 * torch.pi * torch.e))
    if name == CLUSTERS:
        entropy += torch.log(torch.tensor(2 * WIDTH))
    error = double.std() / num**0.5
    assert (double.mean() - entropy).abs() < 4 * error
    assert single.mean() < entropy - 1 + 4 * error
    with pytest.raises(ndm.InputError, match="in float32; expected at least"):
        ndm.bound(model, known_data(name, 100).float())


def test_double_precision_has_an_end_of_its_own() -> None:
    """It takes -68, where its bound is the entropy, and refuses -80, where it lies nats below."""
    entropy, num = 0.5 * torch.log(torch.tensor(2 * torch.pi * torch.e)), 50_000
    for gamma_min, right in ((-68.0, True), (-80.0, False)):
        model = known_model(NORMAL, ndm.schedules.LinearSchedule(gamma_min, 5.0))
        values = known_bounds(NORMAL, model, None, num)[1]
        above, error = values.mean() - entropy, values.std() / num**0.5
        assert above.abs() < 4 * error if right else above < -1 + 4 * error
        if right:
            model.check_noise(known_data(NORMAL, num))
        else:
            with pytest.raises(ndm.InputError, match="in float64; expected at least"):
                model.check_noise(known_data(NORMAL, num))


def plain_model(schedule: ndm.parts.schedules.Schedule) -> ndm.NeuralDiffusion:
    return ndm.NeuralDiffusion(schedule, ndm.IdentityTransform(), lambda z_t, t, cond: z_t, ndm.GaussianDecoder())


class UsersOwn(ndm.parts.schedules.Schedule):
    """gamma = -40 + 45 t^2."""

    def gamma(self, t: Tensor) -> Tensor:
        return -40 + 45 * t**2


@pytest.mark.parametrize(
    "make",
    [
        lambda: ndm.schedules.LinearSchedule(-40.0),
        lambda: ndm.schedules.CosineSchedule(-40.0),
        lambda: ndm.schedules.LearnedSchedule(-40.0),
        lambda: ndm.LearnedLinearSchedule(-40.0),
        lambda: ndm.schedules.FlowSchedule(1e-9),
        UsersOwn,
    ],
)
def test_noise_is_judged_in_the_precision_that_computes(make) -> None:
    """Whatever a schedule was made in: float64 takes what float32 swallows, and has a lower end."""
    x = torch.randn(100, 2)
    for before, after in ((torch.float32, torch.float64), (torch.float64, torch.float32)):
        torch.set_default_dtype(before)
        model = plain_model(make()).to(before).to(after)
        if after == torch.float64:
            assert ndm.bound(model, x).total.isfinite().all()
        else:
            with pytest.raises(ndm.InputError, match=r"2\.1e-09|1e-09"):
                ndm.bound(model, x.float())
    with pytest.raises(ndm.InputError, match="in float64; expected at least"):
        ndm.bound(plain_model(ndm.schedules.LinearSchedule(-75.0)), x)


def test_noise_is_judged_beside_the_size_of_the_data() -> None:
    """At the usual -13.3, values of 100 000 are too large for float32, and one of a million among small ones."""
    model, x = plain_model(ndm.schedules.LinearSchedule()), torch.randn(100, 2)
    for data in (1e5 * x, torch.cat([x, torch.full((1, 2), 1e6)])):
        assert ndm.bound(model, data).total.isfinite().all()
        with pytest.raises(ndm.InputError, match="scale the data to about 1"):
            ndm.bound(model, data.float())
    scaled = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(),
        ndm.IdentityTransform(),
        lambda z_t, t, cond: z_t,
        ndm.GaussianDecoder(scale=1e5),
    ).float()
    assert ndm.bound(scaled, 1e5 * x.float()).total.isfinite().all()


def test_all_that_draw_latents_judge_the_noise() -> None:
    """And what draws none does not: the ODE of real values is right with any noise at t = 0."""
    x = torch.randn(4, 2).float()
    model = perturbed(
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(-40.0),
            small_transform("series", (2,)),
            ndm.DirectPredictor(ndm.MLP((2,), 4, width=8, depth=1)),
            ndm.GaussianDecoder(),
        )
    ).float()
    levels = ndm.NeuralDiffusion(model.schedule, model.transform, model.predictor, ndm.DiscretisedDecoder(3))
    for refused in (
        lambda: ndm.bound(model, x),
        lambda: ndm.nelbo(model, x, draws=2),
        lambda: ndm.kinetic_energy(model, x),
        lambda: ndm.importance_weighted(model, x, timesteps=2, draws=2),
        lambda: ndm.ode_likelihood(levels, x.sign()),
    ):
        with pytest.raises(ndm.InputError, match="rounding swallows it"):
            refused()
    assert ndm.encode(model, x).isfinite().all() and ndm.ode_likelihood(model, x).log_prob.isfinite().all()
    assert ndm.samplers.Ancestral(model, 4)((3, 2)).isfinite().all()
