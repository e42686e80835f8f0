"""Every transformation: its start, its velocity, and the differences of its curves."""

import pytest
import torch
from exact_models import assert_close, derivative, perturbed

import ndm
from ndm.base import axes
from ndm.base.spec import Spec
from ndm.parts.transforms import Transform
from ndm.parts.transforms.residual import ResidualTransform

GATES = axes.GATES.names()

TRANSFORMS = axes.TRANSFORMS.every()
EVENTS = {"vector": (5,), "image": (2, 8, 8)}
CASES = (
    [(name, event, {}) for name in TRANSFORMS for event in EVENTS]
    + [("scaling", "image", {"basis": "frequency"}), ("series", "vector", {"functions": "monomials"})]
    + [("residual", "vector", {"gate": gate}) for gate in GATES]
)


@pytest.fixture(params=CASES, ids=lambda case: "-".join([*case[:2], *case[2].values()]))
def fresh(request) -> tuple[Transform, torch.Tensor]:
    name, event, options = request.param
    return TRANSFORMS[name].from_spec(Spec(EVENTS[event]), **options), torch.randn(4, *EVENTS[event])


@pytest.fixture
def random(fresh) -> tuple[Transform, torch.Tensor]:
    return perturbed(fresh[0], std=0.05), fresh[1]


def test_every_file_is_covered() -> None:
    assert {"identity", "scaling", "residual", "series"} <= set(TRANSFORMS)


def test_starts_as_the_identity(fresh) -> None:
    """F(x, t) = x for a fresh transformation that learns: the model starts as a plain diffusion model."""
    transform, x = fresh
    if isinstance(transform, ndm.transforms.BlurringTransform):
        assert not list(transform.parameters())
        return
    assert_close(transform(x, torch.linspace(0, 1, len(x))), x)
    assert_close(transform.curve(x).with_velocity(torch.rand(len(x)))[1], 0.0)


def test_the_path_starts_at_the_data(random) -> None:
    """F(x, 0) = x to the last bit, whatever the parameters."""
    transform, x = random
    for zero in (torch.zeros(()), torch.zeros(len(x))):
        if isinstance(transform.basis, ndm.process.bases.CosineBasis):
            assert_close(transform(x, zero), x, atol=1e-14)
        else:
            assert torch.equal(transform(x, zero), x)


def test_velocity_is_the_derivative_of_the_value(random) -> None:
    """dF/dt against central differences, for one time per example and for one time for all."""
    transform, x = random
    curve = transform.curve(x)
    for t in (torch.tensor([0.07, 0.33, 0.61, 0.94]), torch.tensor(0.43)):
        value, velocity = curve.with_velocity(t)
        assert_close(value, curve(t))
        assert_close(velocity, derivative(curve, t), rtol=1e-6, atol=1e-8)
        assert isinstance(transform, ndm.IdentityTransform) or velocity.abs().min() > 0


def test_a_curve_at_one_time_for_all_is_that_at_equal_times(random) -> None:
    transform, x = random
    t = torch.tensor(0.37)
    assert_close(transform(x, t), transform(x, t.expand(len(x))))


def test_differences_of_curves(random) -> None:
    """(f - g)(t) = f(t) - g(t), and its velocity likewise: what the bound is made of."""
    transform, x = random
    f, g, t = transform.curve(x), transform.curve(torch.randn_like(x)), torch.rand(len(x))
    expected = [a - b for a, b in zip(f.with_velocity(t), g.with_velocity(t), strict=True)]
    for got, want in zip(((f - g)(t), *(f - g).with_velocity(t)), (expected[0], *expected), strict=True):
        assert_close(got, want, atol=1e-11)


@pytest.mark.parametrize("gate", GATES)
def test_residual_is_its_formula(gate) -> None:
    """F = x + s N, s = t, sin^2(pi t / 2) or (sigma_t^2 - sigma_0^2) / (1 - sigma_0^2); or (1 - t) x + t (m x + N)."""
    transform = perturbed(ResidualTransform.from_spec(Spec((5,)), gate=gate))
    x, t = torch.randn(4, 5), torch.rand(4)
    update, t_ = transform.network(x, t)[:, 0], t[:, None]
    variance, least = torch.sigmoid(-13.3 + 18.3 * t_), torch.sigmoid(torch.tensor(-13.3))
    expected = {
        "time": lambda: x + t_ * update,
        "variance": lambda: x + (1 - torch.cos(torch.pi * t_)) / 2 * update,
        "encoder": lambda: x + (variance - least) / (1 - least) * update,
        "interpolation": lambda: (1 - t_) * x + t_ * (transform.gate.keep * x + update),
    }
    assert_close(transform(x, t), expected[gate]())


def test_scaling_in_frequency_is_blurring_diffusion() -> None:
    """F = B^T exp(-frequency tau(t)) B x, with B the orthonormal DCT-II of SciPy."""
    fft = pytest.importorskip("scipy.fft")
    basis, x = ndm.process.bases.CosineBasis(8, 6), torch.randn(3, 2, 8, 6)
    transform = ndm.transforms.ScalingTransform((2, 8, 6), basis, ndm.time_functions.Monomials(2))
    with torch.no_grad():
        transform.log_scale[1] = -basis.frequencies()  # tau = t^2
    t = torch.rand(3)
    frequencies = ((torch.pi * torch.arange(8) / 8) ** 2)[:, None] + (torch.pi * torch.arange(6) / 6) ** 2
    coordinates = torch.from_numpy(fft.dctn(x.numpy(), axes=(-2, -1), norm="ortho"))
    blurred = torch.exp(-frequencies * t[:, None, None, None] ** 2) * coordinates
    assert_close(transform(x, t), torch.from_numpy(fft.idctn(blurred.numpy(), axes=(-2, -1), norm="ortho")))
