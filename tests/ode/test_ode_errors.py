"""What the ODE's density cannot give: it is refused at the door, or says where the ODE and whose it is."""

import math

import pytest
import torch
from exact_models import correlated, levels_model, squashing_model
from torch import Tensor

import ndm
from ndm.base.errors import InputError
from ndm.ode.solvers.names import solver_for


@pytest.mark.parametrize("solver", [ndm.ode.solvers.Adaptive(), ndm.ode.solvers.Fixed(50)], ids=repr)
def test_an_ode_that_blows_up_says_where_and_whose(solver) -> None:
    def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return torch.where(t[:, None] > 0.5, torch.nan, z_t)

    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), predictor, ndm.GaussianDecoder()
    ).eval()
    for way in (ndm.log_prob, ndm.encode):
        with pytest.raises(InputError, match=r"blows up at t = 0\.[45].*CallablePredictor"):
            way(model, torch.zeros(3, 2), solver=solver)
    with pytest.raises(InputError, match=r"blows up at t = 1 .*CallablePredictor"):
        ndm.decode(model, torch.zeros(3, 2), solver=solver)


@pytest.mark.parametrize(
    "solver, power, start, t",
    [(ndm.ode.solvers.Adaptive(), 2, 2.0, "0.5"), (ndm.ode.solvers.Fixed(1, "euler"), 1, 1e308, "1")],
    ids=str,
)
def test_a_state_beyond_all_numbers_is_no_result(solver, power, start, t) -> None:
    """y' = y^2 from 2 is infinite at t = 1/2; one explicit step of y' = y doubles what cannot be doubled."""
    state = torch.tensor([[1e-9], [start]])
    with pytest.raises(InputError, match=rf"blows up at t = {t} \(example 1"):
        solver(lambda t, state, rows: (state[0] ** power,), (state,), 0.0, 1.0)


def test_what_cannot_work_is_refused_at_the_door() -> None:
    model, x = correlated(), torch.zeros(2, 2)
    for options in (
        {"rtol": 0.0},
        {"atol": -1.0},
        {"rtol": math.nan},
        {"atol": math.inf},
        {"rtol": 1.5},
        {"method": "rk4"},
        {"max_steps": 0},
    ):
        with pytest.raises(InputError):
            ndm.ode.solvers.Adaptive(**options)
    for options in ({"steps": 0}, {"steps": -5}, {"steps": 10**9}, {"method": "dopri5"}):
        with pytest.raises(InputError):
            ndm.ode.solvers.Fixed(**options)
    with pytest.raises(InputError, match="compute in float64"):
        ndm.log_prob(squashing_model(), x.float(), solver=ndm.ode.solvers.Adaptive(rtol=1e-9))
    with pytest.raises(InputError, match=r"atol = 1e-12 in torch.float32"):
        ndm.encode(squashing_model(), x.float(), solver=ndm.ode.solvers.Adaptive(atol=1e-12))
    with pytest.raises(InputError, match="steps without arriving"):
        ndm.log_prob(model, x, solver=ndm.ode.solvers.Adaptive(max_steps=2))
    with pytest.raises(InputError, match="12288 backward passes"):
        ndm.log_prob(squashing_model(), torch.zeros(1, 3, 64, 64))
    with pytest.raises(InputError, match="NaN"):
        ndm.log_prob(model, x * math.nan)
    for draws in (0, 2):
        with pytest.raises(InputError, match=f"{draws} draws of data that are not dequantised"):
            ndm.ode_likelihood(model, x, draws=draws)
    with pytest.raises(InputError, match="0 draws of the dequantisation"):
        ndm.ode_likelihood(levels_model(), x, draws=0)
    with pytest.raises(InputError, match="uniform dequantisation for real values"):
        ndm.ode_likelihood(model, x, dequantisation=ndm.ode.UniformDequantisation())
    with pytest.raises(InputError, match=r"shape \(2,\)"):
        ndm.log_prob(model, x[:, 0])
    with pytest.raises(InputError, match="batch_size = 0"):
        ndm.log_prob(model, x, batch_size=0)
    with pytest.raises(InputError, match="seed = -1"):
        ndm.log_prob(model, x, "hutchinson", seed=-1)
    with pytest.raises(InputError, match="uniform or posterior"):
        ndm.ode_likelihood(levels_model(), x, dequantisation=ndm.ode.NoDequantisation())
    for arguments in (("dopri5", 10), ("rk4", None, 1e-3), ("euler2",)):
        with pytest.raises(InputError):
            solver_for(*arguments)
    for probes in (0, -3):
        with pytest.raises(InputError, match="probes"):
            ndm.ode.divergences.Hutchinson(probes)


WAYS = {
    "log_prob": ndm.log_prob,
    "encode": ndm.encode,
    "decode": ndm.decode,
    "nelbo": lambda model, x, **labels: ndm.nelbo(model, x, draws=2, **labels).total,
    "importance": lambda model, x, **labels: ndm.importance_weighted(model, x, timesteps=2, **labels).total,
}


@pytest.mark.parametrize("name", WAYS)
def test_data_and_model_have_one_precision_and_every_example_its_label(name) -> None:
    """Half-precision data are taken to float32; all else that does not fit is refused, not cast."""

    def model(dtype: torch.dtype) -> ndm.NeuralDiffusion:
        network = ndm.MLP((2,), width=8, depth=1, num_classes=3)
        return (
            ndm.NeuralDiffusion(
                ndm.schedules.LinearSchedule(-8.0, 4.0),
                ndm.IdentityTransform(),
                ndm.DirectPredictor(network),
                ndm.GaussianDecoder(),
            )
            .to(dtype)
            .train()
        )

    way, x = WAYS[name], torch.randn(4, 2)
    single, double, half = (model(dtype) for dtype in (torch.float32, torch.float64, torch.float16))
    assert way(single, x.half()).dtype == way(single, x.bfloat16()).dtype == torch.float32
    assert way(double, x).dtype == torch.float64
    for wrong, data, said in (
        (single, x, "float64 for a model of torch.float32"),
        (double, x.float(), "float32 for a model of torch.float64"),
        (half, x.half(), "a model of torch.float16"),
        (single, torch.ones(4, 2, dtype=torch.int64), "type torch.int64"),
        (double, x * math.nan, "8 NaN"),
        (double, x[:0], "empty"),
    ):
        with pytest.raises(InputError, match=said):
            way(wrong, data)
    labels = torch.tensor([0, 1, 2, 0])
    assert torch.isfinite(way(double, x, cond=labels)).all()
    for wrong_labels in (labels[:3], labels.repeat(2)):
        with pytest.raises(InputError, match=f"cond of shape .{len(wrong_labels)},. for 4 examples"):
            way(double, x, cond=wrong_labels)
    assert double.training and all(module.training for module in double.modules())
    for dtype in (torch.float16, torch.int64):
        with pytest.raises(InputError, match="dtype="):
            ndm.log_prob(single, x, dtype=dtype)


def test_an_error_names_the_model_where_the_ode_is_at_fault_alone() -> None:
    def runaway(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return -1e3 * z_t**3

    def refusing(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        raise InputError("labels in cond", "cond=None")

    for predictor, named in ((runaway, True), (refusing, False)):
        model = ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), predictor, ndm.GaussianDecoder()
        )
        with pytest.raises(InputError) as error:
            ndm.log_prob(model, torch.ones(2, 1))
        assert ("(model: LinearSchedule, IdentityTransform" in str(error.value)) == named
