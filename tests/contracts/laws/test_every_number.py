"""Every public way to a number, in every mode that it may be called in, against laws that are known exactly."""

import contextlib
import copy
import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

import ndm
from ndm.base import axes

from .exact import Known, gaussian, three_levels, two_gaussians

DIVERGENCES = axes.DIVERGENCES.every()

EVENT = (2,)
TIMESTEPS = 3


@dataclass(frozen=True)
class Mode:
    """A precision, what is switched on around the call, and the error that both leave."""

    dtype: torch.dtype
    around: type = contextlib.nullcontext
    options: tuple = ()
    error: float = 2e-7

    def model(self, known: Known) -> ndm.NeuralDiffusion:
        return copy.deepcopy(known.model).to(self.dtype)

    def __enter__(self) -> None:
        self._stack.enter_context(self.around(*self.options))

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def solver(self) -> ndm.ode.solvers.Adaptive:
        tolerance = 1e-9 if self.dtype == torch.float64 else 1e-6
        return ndm.ode.solvers.Adaptive(rtol=tolerance, atol=tolerance)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_stack", contextlib.ExitStack())


MODES = {
    "float64": Mode(torch.float64),
    "float32": Mode(torch.float32, error=1e-3),
    "inference": Mode(torch.float64, torch.inference_mode),
    "autocast": Mode(torch.float32, torch.autocast, ("cpu", torch.bfloat16), error=1e-3),
}
LAWS = {"gaussian": gaussian, "two gaussians": two_gaussians}


def scaling() -> ndm.transforms.ScalingTransform:
    """A learned F: one coordinate is shown sooner than the other."""
    transform = ndm.transforms.ScalingTransform(EVENT)
    with torch.no_grad():
        transform.log_scale.copy_(torch.tensor([[0.9, -0.7], [-0.4, 0.5]]))
    return transform


@pytest.fixture(params=MODES)
def mode(request) -> Mode:
    return MODES[request.param]


@pytest.fixture(params=LAWS)
def known(request) -> Known:
    return Known(LAWS[request.param](), transform=scaling(), event_shape=EVENT)


@pytest.fixture
def x(known) -> Tensor:
    return known.sample(5)


def assert_close(got: Tensor, expected: Tensor, mode: Mode) -> None:
    """To the error of the mode, relative to the larger of the value and 1."""
    torch.testing.assert_close(got.double(), expected, rtol=mode.error, atol=mode.error)


def assert_mean(draws: Tensor, expected: Tensor, mode: Mode, largest_error: float) -> None:
    """Draws (M, N) average to `expected` (N,), within 5 standard errors, which are small."""
    error = draws.double().std(0) / math.sqrt(len(draws))
    assert error.max() < largest_error
    difference = (draws.double().mean(0) - expected).abs()
    assert (difference < 5 * error + mode.error).all(), f"{difference.tolist()} at errors of {error.tolist()}"


@pytest.mark.law("log_prob", "ode_likelihood", "OdeLikelihood", "Exact", "NoDequantisation")
def test_the_density_of_the_ode(known, x, mode):
    model, expected = mode.model(known), known.log_prob(x)
    with mode:
        found = ndm.ode_likelihood(model, x.to(mode.dtype), divergence="exact", solver=mode.solver)
        alone = ndm.log_prob(model, x.to(mode.dtype), solver=mode.solver)
    assert_close(found.log_prob, expected, mode)
    assert torch.equal(alone, found.log_prob)


@pytest.mark.law("Hutchinson", "Gaussian", registry="divergence")
@pytest.mark.parametrize(
    "divergence",
    [kind() if kind is ndm.ode.divergences.Exact else kind(30) for kind in DIVERGENCES.values()],
    ids=DIVERGENCES,
)
def test_the_density_of_the_ode_by_probes(known, mode, divergence):
    """F is diagonal: Rademacher's probes have no error at all, Gaussian ones say how large theirs is."""
    model, x = mode.model(known), known.sample(2)
    with mode:
        found = ndm.ode_likelihood(model, x.to(mode.dtype), divergence=divergence)
    difference = (found.log_prob.double() - known.log_prob(x)).abs()
    error = found.standard_error.nan_to_num(0)  # an exact trace has none
    assert (difference < 5 * error + 1e-3).all()
    assert (error < 1.0).all()


@pytest.mark.law("UniformDequantisation", "PosteriorDequantisation", "DiscretisedDecoder", registry="dequantisation")
@pytest.mark.parametrize("is_uniform", [False, True], ids=["posterior", "uniform"])
def test_the_density_of_levels(mode, is_uniform):
    known, x = Known(three_levels(), event_shape=(1,)), torch.tensor([[-1.0], [0.0], [1.0]])
    model = mode.model(known)
    dequantisation = ndm.ode.UniformDequantisation() if is_uniform else ndm.ode.PosteriorDequantisation()
    with mode:
        found = ndm.ode_likelihood(model, x.to(mode.dtype), dequantisation=dequantisation, draws=40)
    difference = (found.log_prob.double() - known.log_prob_of_levels(x, is_uniform)).abs()
    assert (found.standard_error < 1.0).all()
    assert (difference < 5 * found.standard_error + 1e-3).all(), difference


@pytest.mark.law("encode", "decode")
def test_the_way_there_and_back(known, x, mode):
    model, (alpha, _) = mode.model(known), known.level(0.0)
    with mode:
        z_1 = ndm.encode(model, x.to(mode.dtype), solver=mode.solver)
        back = ndm.decode(model, z_1, solver=mode.solver)
    assert_close(known.coordinates(z_1.double()), known.carried(alpha * known.coordinates(x), 0.0, 1.0), mode)
    assert_close(back, x, mode)


@pytest.mark.law("transport", "Transport")
def test_the_energy_of_paths(known, mode):
    z_1 = torch.randn(4, *EVENT)
    with mode:
        found = ndm.transport(mode.model(known), z_1.to(mode.dtype), solver=mode.solver)
    z_0 = known.carried(known.coordinates(z_1), 1.0, 0.0)
    assert_close(known.coordinates(found.z_0.double()), z_0, mode)
    # The reference differentiates by differences of 1e-4, and weighs 96 points of time.
    torch.testing.assert_close(found.energy.double(), known.energy(z_1), rtol=1e-3, atol=1e-3)
    assert_close(found.straightness, found.energy.double() - (z_1 - z_0).square().sum(1), mode)


@pytest.mark.law("kinetic_energy")
def test_the_kinetic_energy(known, mode):
    model = mode.model(known)
    x = known.sample(20_000).to(mode.dtype)
    with mode:
        draws = ndm.kinetic_energy(model, x).detach()
    expected = torch.tensor(known.kinetic_energy())
    assert_mean(draws[:, None], expected, mode, largest_error=0.1)


@pytest.mark.law("NeuralDiffusion", "Bound", "bound", "LowDiscrepancy", "GaussianDecoder", "ScalingTransform")
@pytest.mark.parametrize("timesteps", [None, 1, TIMESTEPS])
def test_a_draw_of_the_bound(known, x, mode, timesteps):
    model, num = mode.model(known), 8000
    with mode:
        found = ndm.bound(model, x.repeat(num, 1).to(mode.dtype), timesteps=timesteps)
    terms = known.bound(x, timesteps)
    assert_close(found.prior.detach().reshape(num, -1)[0], terms[:, 0], mode)
    assert_mean(found.total.detach().reshape(num, -1), terms.sum(1), mode, largest_error=2.0)


@pytest.mark.law("nelbo", "Estimate", "Importance")
@pytest.mark.parametrize("timesteps", [None, 1, TIMESTEPS])
@pytest.mark.parametrize("learned", [False, True], ids=["uniform", "importance"])
def test_the_bound(known, x, mode, timesteps, learned):
    density = None
    if learned:
        density = ndm.bounds.time_samplers.Importance(8).double()
        u = torch.rand(4000)
        density.observe(u, 1 + 5 * u)
    with mode:
        found = ndm.nelbo(mode.model(known), x.to(mode.dtype), timesteps=timesteps, draws=2000, density=density)
    expected = known.bound(x, timesteps)
    difference = (found.total.double() - expected.sum(1)).abs()
    assert (found.standard_error < 3.0).all()
    assert (difference < 5 * found.standard_error + mode.error).all(), difference
    assert_close(found.reconstruction, expected[:, 2], mode)


@pytest.mark.law("importance_weighted", "ImportanceWeighted")
def test_the_importance_weighted_bound_lies_between_the_bound_and_the_density(mode):
    """K = 1 is the bound of the chain in the mean; many weights reach -log p of the chain, here nearly the data's."""
    known = Known(gaussian(), event_shape=(1,))
    x, timesteps = torch.tensor([[-1.0], [0.3], [1.5]]), 16
    model = mode.model(known)
    with mode:
        one = ndm.importance_weighted(model, x.repeat(4000, 1).to(mode.dtype), timesteps=timesteps, draws=1)
        many = ndm.importance_weighted(model, x.to(mode.dtype), timesteps=timesteps, draws=8000)
    bound = known.bound(x, timesteps).sum(1)
    assert_mean(one.total.reshape(-1, 3), bound, mode, largest_error=0.1)
    assert (many.total.double() < bound + 0.02).all()
    chain = chain_log_prob(known, x, timesteps)
    assert ((many.total.double() + chain).abs() < 0.05).all(), (many.total, chain)


def chain_log_prob(known: Known, x: Tensor, timesteps: int) -> Tensor:
    """log p(x) of the chain of a Gaussian law, whose steps are linear in z, (N,)."""
    law, mean, variance = known.law, 0.0, 1.0
    m, v = float(law.means), float(law.stds) ** 2
    for k in reversed(range(timesteps)):
        (a_s, s_s), (a_t, s_t) = known.level(k / timesteps), known.level((k + 1) / timesteps)
        c = (s_s / s_t) * math.exp(-(known._gamma((k + 1) / timesteps) - known._gamma(k / timesteps)) / 2)
        q = s_s**2 * -math.expm1(-(known._gamma((k + 1) / timesteps) - known._gamma(k / timesteps)))
        gain = a_t * v / (a_t**2 * v + s_t**2)  # x^ = m + gain (z - a_t m)
        slope = c + (a_s - c * a_t) * gain
        offset = (a_s - c * a_t) * (m - gain * a_t * m)
        mean, variance = slope * mean + offset, slope**2 * variance + q
    a_0, s_0 = known.level(0.0)
    mean, variance = mean / a_0, (variance + s_0**2) / a_0**2
    return (-0.5 * (x - mean) ** 2 / variance - 0.5 * math.log(2 * math.pi * variance))[:, 0]


@pytest.mark.law("bits_per_dim")
def test_nats_become_bits():
    """A uniform law over 256 levels has 8 bits a dimension."""
    assert ndm.bits_per_dim(12 * math.log(256), (3, 2, 2)) == pytest.approx(8)
