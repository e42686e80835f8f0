"""float32 and automatic mixed precision: the bound cancels heavily, and must not lose its digits."""

import copy

import pytest
import torch
from torch import Tensor

import ndm
from ndm.bound import continuous_integrand, discrete_integrand

from .models import assert_close, gaussian_model, perturbed, random_covariance, small_transform

T = 1000


def integrands(model: ndm.NeuralDiffusion, x: Tensor, noise: Tensor) -> Tensor:
    """Mean of the discrete integrand over all T steps, and of the continuous one over as many times."""
    curve, steps = model.curve(x), torch.arange(T)
    t = (steps + 0.5).to(x) / T
    return torch.stack([discrete_integrand(model, curve, steps, T, noise, noise, None).double().mean(),
                        continuous_integrand(model, curve, t, noise, None).double().mean()])


def in_single_precision(model: ndm.NeuralDiffusion) -> ndm.NeuralDiffusion:
    """The same model in float32, its analytic predictor included."""
    rounded = copy.deepcopy(model).float()
    function = getattr(rounded.predictor, "function", None)
    if function is not None:
        function.data = function.data.float()
        function.schedule, function.transform = rounded.schedule, rounded.transform
    return rounded


@pytest.mark.parametrize("eta", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("name", ["identity", "scaling", "time_basis", "residual"])
def test_single_precision(name, eta) -> None:
    """T = 1000 and gamma from -13.3 to 5: float32 agrees with float64 to 3e-5.

    Linear F has the exact predictor, where x - x^ is as small as it gets; the others have a random network.
    """
    transform, volatility = small_transform(name), ndm.ConstantVolatility(eta)
    if name in ("identity", "scaling"):
        model = gaussian_model(random_covariance(3), transform, volatility=volatility)
    else:
        predictor = perturbed(ndm.PlugInPredictor(ndm.MLP((3,), width=16, depth=1)), std=0.2)
        model = ndm.NeuralDiffusion(ndm.LinearSchedule(), transform, predictor, ndm.GaussianDecoder(),
                                    volatility).eval()
    x, noise = torch.randn(2, T, 3)
    with torch.no_grad():
        exact, rounded = integrands(model, x, noise), integrands(in_single_precision(model), x.float(), noise.float())
    assert_close(rounded, exact, rtol=3e-5)


@pytest.mark.parametrize("name", ["identity", "scaling", "frequency"])
@pytest.mark.parametrize("timesteps", [None, T])
def test_mixed_precision_leaves_the_bound_alone(name, timesteps) -> None:
    """Under autocast the bound of an exact, elementwise predictor is what it is without: no term is rounded."""
    torch.set_default_dtype(torch.float32)
    schedule, transform = ndm.LinearSchedule(), small_transform(name, (1, 4, 4))

    def exact(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        """E[x | z_t] = B^T diag(alpha w / (alpha^2 w^2 + sigma^2)) B z_t, for x ~ N(0, I)."""
        level = schedule(t)
        w = 1 if name == "identity" else transform.log_scale_with_velocity(t)[0].exp()
        signal, noise = level.alpha.reshape(-1, 1, 1, 1) * w, level.sigma.reshape(-1, 1, 1, 1)
        return transform.basis.scale(signal / (signal**2 + noise**2), z_t)

    model = ndm.NeuralDiffusion(schedule, transform, exact, ndm.GaussianDecoder()).eval()
    x = torch.randn(64, 1, 4, 4)

    def total() -> Tensor:
        return model(x, timesteps=timesteps, generator=torch.Generator().manual_seed(0)).total

    plain = total()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = total()
    assert plain.dtype == mixed.dtype == torch.float32
    assert torch.equal(plain, mixed)


def test_mixed_precision_rounds_networks_only() -> None:
    """With networks in bfloat16 the bound moves by no more than their rounding, and keeps finite gradients."""
    torch.set_default_dtype(torch.float32)
    predictor = perturbed(ndm.DirectPredictor(ndm.MLP((3,), 4, width=16, depth=1)))
    model = ndm.NeuralDiffusion(ndm.LinearSchedule(), small_transform("time_basis"), predictor,
                                ndm.GaussianDecoder()).eval()
    x = torch.randn(256, 3)
    for timesteps in (None, T):
        totals = []
        for enabled in (False, True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                totals.append(model(x, timesteps=timesteps, generator=torch.Generator().manual_seed(0)).total.mean())
        assert_close(totals[1], totals[0], rtol=0.01)
        gradients = torch.autograd.grad(totals[1], list(model.parameters()))
        assert all(gradient.isfinite().all() for gradient in gradients)
