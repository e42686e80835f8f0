"""Noise is a function of seed and row: the errors of means count rows that share it once, and tell the spread."""

import math

import pytest
import torch
from exact_models import assert_close
from torch import Tensor

import ndm
from ndm.base.noise import example_noise, sample_noise
from ndm.bounds.shared_noise import mean_over_rows, standard_errors

LEVELS = 9
SEEDS = 100
MIX = torch.tensor([[0.5, -0.7, 0.2], [0.6, 0.1, -0.5], [-0.3, 0.8, 0.4]], dtype=torch.float64)
SOLVER = ndm.ode.solvers.Fixed(2, "euler")


def model(decoder: ndm.DiscretisedDecoder | ndm.GaussianDecoder | None = None) -> ndm.NeuralDiffusion:
    """Three dimensions of 9 levels, and a predictor whose Jacobian is full and moves; labels move it as well."""

    def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return 2 * torch.tanh(z_t @ MIX + (0 if cond is None else cond[:, None]))

    return ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(-3.0, 3.0),
        ndm.IdentityTransform(),
        predictor,
        decoder or ndm.DiscretisedDecoder(LEVELS),
    ).eval()


def levels(rows: int) -> Tensor:
    """So many distinct rows."""
    index = torch.randperm(LEVELS**3, generator=torch.Generator().manual_seed(1))[:rows]
    digits = torch.stack([index // LEVELS**2, index // LEVELS % LEVELS, index % LEVELS], 1)
    return ndm.DiscretisedDecoder(LEVELS).from_integers(digits).double()


DISTINCT, REPEATED, OFTEN = levels(8), levels(4).repeat_interleave(10, 0), levels(4).repeat(100, 1)
OF_LEVELS = [
    ("exact", ndm.ode.UniformDequantisation(), 4),
    ("exact", ndm.ode.PosteriorDequantisation(), 4),
    (ndm.ode.divergences.Hutchinson(2), ndm.ode.UniformDequantisation(), 1),
    (ndm.ode.divergences.Hutchinson(4), ndm.ode.PosteriorDequantisation(), 1),
    (ndm.ode.divergences.Gaussian(2), ndm.ode.UniformDequantisation(), 2),
    (ndm.ode.divergences.Gaussian(4), ndm.ode.PosteriorDequantisation(), 1),
]


def ratio(found: list[ndm.ode.OdeLikelihood]) -> float:
    """The spread of means over seeds, over the root mean square of the errors that they state."""
    means = [one.mean() for one in found]
    spread = torch.stack([mean.value for mean in means]).var()
    return float((spread / torch.stack([mean.standard_error_of_estimate**2 for mean in means]).mean()).sqrt())


@pytest.mark.parametrize("shape", [(1,), (15,), (16,), (3, 8, 8)], ids=str)
def test_float32_and_float64_have_the_same_noise(shape) -> None:
    """PyTorch fills 16 numbers and more of either by another algorithm."""
    x = torch.randn(3, *shape).float()
    for kind in ("normal", "uniform"):
        for single, double in (
            (example_noise(7, x), example_noise(7, x.double())),
            (sample_noise(7, 5, x.shape, x), sample_noise(7, 5, x.shape, x.double())),
        ):
            for _ in range(2):
                low, high = getattr(single, kind)(), getattr(double, kind)()
                assert (low.dtype, high.dtype) == (torch.float32, torch.float64)
                assert torch.equal(low.double(), high) and len(low.unique()) == low.numel()


def test_uniform_numbers_leave_the_ends_out_in_every_precision() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        u = sample_noise(0, 0, (8, 1000), torch.zeros((), dtype=dtype)).uniform()
        assert u.dtype == dtype and u.min() > 0 and u.max() < 1


def test_equal_rows_are_equal_with_either_zero() -> None:
    x = torch.tensor([[0.0, 1.0], [-0.0, 1.0]])
    first, second = example_noise(0, x).normal()
    assert torch.equal(first, second)


def test_probes_of_signs_have_no_zero(monkeypatch) -> None:
    """An exact 0 among normal numbers is rare, and has a sign all the same."""
    noise = sample_noise(0, 0, (2, 3), torch.zeros(()))
    monkeypatch.setattr(noise, "normal", lambda: torch.zeros(2, 3))
    assert (ndm.ode.divergences.Hutchinson(2).probes(noise, torch.zeros(2, 3)).abs() == 1).all()


@pytest.mark.parametrize("rows", [DISTINCT, REPEATED], ids=["8 distinct rows", "40 rows of 4 values"])
@pytest.mark.parametrize(
    "divergence, dequantisation, draws", OF_LEVELS, ids=lambda value: getattr(value, "name", str(value))
)
def test_the_error_of_a_mean_is_its_spread_over_seeds(divergence, dequantisation, draws, rows) -> None:
    nn = model()
    found = [
        ndm.ode_likelihood(
            nn, rows, divergence=divergence, dequantisation=dequantisation, draws=draws, solver=SOLVER, seed=seed
        )
        for seed in range(SEEDS)
    ]
    assert 0.8 < ratio(found) < 1.25


def test_and_for_400_rows_of_4_values() -> None:
    nn = model()
    found = [ndm.ode_likelihood(nn, OFTEN, divergence="hutchinson", solver=SOLVER, seed=seed) for seed in range(60)]
    assert 0.75 < ratio(found) < 1.33


@pytest.mark.parametrize(
    "divergence", [ndm.ode.divergences.Hutchinson(2), ndm.ode.divergences.Gaussian(3)], ids=["signs", "Gaussian"]
)
@pytest.mark.parametrize("repeats", [1, 10])
def test_and_for_real_values(divergence, repeats) -> None:
    nn = model(ndm.GaussianDecoder())
    rows = torch.randn(4, 3, generator=torch.Generator().manual_seed(3)).repeat(repeats, 1)
    found = [ndm.ode_likelihood(nn, rows, divergence=divergence, solver=SOLVER, seed=seed) for seed in range(SEEDS)]
    assert 0.8 < ratio(found) < 1.25


def test_and_where_equal_rows_have_other_labels() -> None:
    """They share their noise without being the same."""
    nn, rows = model(), levels(4).repeat(6, 1)
    labels = torch.arange(24) % 3
    found = [
        ndm.ode_likelihood(nn, rows, labels, divergence="hutchinson", draws=2, solver=SOLVER, seed=seed)
        for seed in range(SEEDS)
    ]
    values = found[0].log_prob.reshape(6, 4)
    assert (values[0] - values[1]).abs().min() > 1e-3 and 0.8 < ratio(found) < 1.25


def test_the_error_over_rows_is_the_spread_over_rows_and_seeds() -> None:
    """40 rows drawn from four values, and new noise, each time."""
    nn, values = model(), levels(4)
    generator, weights = torch.Generator().manual_seed(2), torch.tensor([0.5, 0.25, 0.15, 0.1])
    means = []
    for seed in range(2 * SEEDS):
        rows = values[torch.multinomial(weights, 40, replacement=True, generator=generator)]
        means.append(ndm.ode_likelihood(nn, rows, divergence="hutchinson", draws=2, solver=SOLVER, seed=seed).mean())
    spread = torch.stack([mean.value for mean in means]).std()
    stated = torch.stack([mean.standard_error**2 for mean in means]).mean().sqrt()
    assert 0.82 < spread / stated < 1.22
    assert all(mean.standard_error >= mean.standard_error_of_estimate for mean in means)


def test_draws_are_independent_and_lower_the_error() -> None:
    nn, few, many = model(), 4, 64
    found = {draws: ndm.ode_likelihood(nn, REPEATED, draws=draws, solver=SOLVER).mean() for draws in (few, many)}
    gain = found[few].standard_error_of_estimate / found[many].standard_error_of_estimate
    assert 0.5 < gain / math.sqrt(many / few) < 2
    alone = ndm.ode_likelihood(nn, levels(300), divergence="hutchinson", draws=2, solver=SOLVER).repeats
    assert alone.shape == (4, 300)
    again = ndm.ode_likelihood(nn, levels(300), divergence="hutchinson", draws=2, solver=SOLVER, seed=1).repeats
    noise = torch.cat([alone, again]) - torch.cat([alone, again]).mean(0)
    correlation = torch.corrcoef(noise)[~torch.eye(8, dtype=torch.bool)]
    assert (correlation + 1 / 7).abs().max() < 0.2  # residuals about a mean of 8 correlate by -1/7
    first = ndm.ode_likelihood(nn, levels(300), divergence="hutchinson", draws=1, solver=SOLVER).repeats
    assert_close(first, alone[:2])  # more draws come after the first


def test_one_estimate_has_no_error_and_two_have() -> None:
    nn, x = model(), levels(3)
    single = ndm.ode_likelihood(nn, x, divergence=ndm.ode.divergences.Hutchinson(1), solver=SOLVER)
    assert single.standard_error.isnan().all() and single.mean().standard_error_of_estimate.isnan()
    assert single.mean().standard_error > 0  # no two rows share noise
    assert ndm.ode_likelihood(nn, x[[0, 0, 1]], solver=SOLVER).mean().standard_error.isnan()
    double = ndm.ode_likelihood(nn, x, divergence=ndm.ode.divergences.Hutchinson(2), solver=SOLVER)
    assert (double.standard_error > 0).all() and double.draws == 1
    exact = ndm.ode_likelihood(model(ndm.GaussianDecoder()), x[[0, 0, 1]], solver=SOLVER)
    assert (exact.standard_error == 0).all() and exact.mean().standard_error_of_estimate == 0
    assert_close(exact.mean().standard_error, exact.log_prob.std() / math.sqrt(3))


def test_errors_by_hand() -> None:
    """Rows 0 and 2 of one owner, two repeats: Var of a mean of (a, b) is (a - b)^2 / 4."""
    repeats, owners = torch.tensor([[1.0, 5.0, 1.0], [3.0, 6.0, 3.0]]), torch.tensor([7, -1, 7])
    mean = mean_over_rows(repeats, owners)
    assert_close(standard_errors(repeats, owners), torch.tensor([1.0, 0.5, 1.0]))
    assert_close(mean.value, (2 + 5.5 + 2) / 3)
    assert_close(mean.standard_error_of_estimate, math.sqrt(2**2 * 1 + 0.25) / 3)
    spread = torch.tensor([2.0, 5.5, 2.0]).double().var() / 3
    assert_close(mean.standard_error, (spread + (4 - 2) / 6).sqrt())
    alone = mean_over_rows(repeats[:, :1], owners[:1])
    assert alone.standard_error.isnan() and alone.standard_error_of_estimate == 1
