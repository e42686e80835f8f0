"""Modes of PyTorch around the library change no number: inference mode, autocast, tensors that were made in either."""

import contextlib
import copy
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from making import BATCH, FOUND, MODEL_PARTS, TIMESTEPS, data_for, disturbed, make, tiny_model
from torch import Tensor, nn
from torch.autograd import forward_ad

import ndm
import ndm.parts.transforms
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.shapes import like_event
from ndm.base.spec import Spec
from ndm.nn.network import Network
from ndm.parts.predictors import Predictor
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve
from ndm.samplers.grids import uniform_gamma
from ndm.samplers.heun import Heun

pytestmark = pytest.mark.filterwarnings("ignore:steps too large for sde", "ignore:the reverse steps are those of")

EVENT, IMAGE, SOLVER = (3,), (1, 4, 4), ndm.ode.solvers.Fixed(1, "midpoint")
Measure = Callable[[ndm.NeuralDiffusion, Tensor], Tensor]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def times(size: int = BATCH) -> tuple[Tensor, Tensor]:
    """s and t, each (size,)."""
    return torch.linspace(0.1, 0.4, size), torch.linspace(0.5, 0.9, size)


def joined(*parts: Tensor) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def terms(bound: ndm.Bound) -> Tensor:
    return torch.stack([bound.prior, bound.diffusion, bound.reconstruction])


def steps(model: ndm.NeuralDiffusion, x: Tensor) -> Tensor:
    """What the distributions of the model say at z_t = x."""
    (s, t), curve, predicted = times(), model.curve(x), model.predict(x, times()[1])
    gaussians = [
        model.marginal(curve, t),
        model.posterior(x, curve, s, t),
        model.reverse_kernel(x, predicted, torch.arange(BATCH) % TIMESTEPS, TIMESTEPS),
    ]
    drift, g = model.reverse_sde(x, predicted, t)
    return joined(
        *(gaussian.log_prob(x) for gaussian in gaussians),
        drift,
        g,
        model.velocity(x, curve, t),
        model.predicted_velocity(x, t),
    )


def walk(name: str) -> Measure:
    def samples(model: ndm.NeuralDiffusion, x: Tensor) -> Tensor:
        options = {"solver": SOLVER} if name == "ode" else {}
        sampler = FOUND["sampler"][name](model, 3, **options)
        return joined(sampler(x.shape), sampler.trajectory(x.shape))

    return samples


# Of an ODE: no network may be rounded either.
OF_THE_ODE: dict[str, Measure] = {
    "encode": lambda model, x: ndm.encode(model, x, solver=SOLVER),
    "decode": lambda model, x: ndm.decode(model, x, solver=SOLVER),
    "log_prob": lambda model, x: ndm.log_prob(model, x, divergence="hutchinson", solver=SOLVER),
    "ode_likelihood": lambda model, x: ndm.ode_likelihood(model, x[:1], solver=SOLVER).log_prob,
    "transport": lambda model, x: joined(*vars(ndm.transport(model, x, solver=SOLVER)).values()),
    "ode": walk("ode"),
    "optimised grid": lambda model, x: ndm.samplers.grids.Optimised(model, x.shape[1:], samples=2, fine=4).errors,
}
OTHERS: dict[str, Measure] = {
    "model": lambda model, x: terms(ndm.bound(model, x, generator=seeded())),
    "model of steps": lambda model, x: terms(ndm.bound(model, x, timesteps=TIMESTEPS, generator=seeded())),
    "nelbo": lambda model, x: terms(ndm.nelbo(model, x, draws=2, generator=seeded())),
    "importance_weighted": lambda model, x: (
        ndm.importance_weighted(model, x, timesteps=TIMESTEPS, draws=2, generator=seeded()).total
    ),
    "kinetic_energy": lambda model, x: ndm.kinetic_energy(model, x, generator=seeded()),
    "distributions": steps,
    "schedule": lambda model, x: joined(
        *model.schedule.with_velocity(times()[1]), *vars(model.schedule(times()[1])).values()
    ),
    "curve": lambda model, x: joined(
        *model.transform.curve(x).with_velocity(times()[1]),
        *(model.curve(x) - model.curve(x.flip(0))).with_velocity(times()[1]),
    ),
    "scale": lambda model, x: joined(*model.transform.log_scale_with_velocity(times()[1])),
} | {f"sampler {name}": walk(name) for name in FOUND["sampler"] if name != "ode"}
MEASURES = OF_THE_ODE | OTHERS


def differing(
    model: ndm.NeuralDiffusion, x: Tensor, mode: contextlib.AbstractContextManager, measures: dict[str, Measure]
) -> list[str]:
    """The measures that are others within the mode, where x is made within as well, than under `torch.no_grad`."""
    found = []
    for name, measure in measures.items():
        with torch.no_grad():
            expected = measure(model, x)
        assert expected.isfinite().logical_or(expected.isinf()).all() and expected.isfinite().any(), name
        with mode:
            if not torch.equal(measure(model, x.clone()), expected):
                found.append(name)
    return found


@pytest.mark.parametrize(("kind", "name"), MODEL_PARTS)
def test_inference_mode_gives_the_values_of_no_grad(kind, name):
    """Every derivative, of every part."""
    model = tiny_model(EVENT, **{kind: make(kind, name, EVENT)}).eval()
    assert differing(model, data_for(model.decoder, EVENT), torch.inference_mode(), MEASURES) == []


def test_inference_mode_gives_them_for_the_papers_model_with_a_unet():
    network = {"network": "unet", "channels": 16, "multipliers": [1], "attention": [4]}
    model = tiny_model(
        IMAGE,
        transform=disturbed(ndm.transforms.ResidualTransform.from_spec(Spec(IMAGE), **network)),
        predictor=disturbed(
            ndm.predictors.PlugInPredictor.from_spec(Spec(IMAGE), transform=ndm.IdentityTransform(), **network)
        ),
    )
    assert differing(model.eval(), data_for(model.decoder, IMAGE), torch.inference_mode(), MEASURES) == []


class Power(Schedule):
    """A new part: gamma(t) = c_0 + c_1 t + c_2 t^2, by a product, whose derivative comes by default."""

    def __init__(self) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.tensor([-7.0, 9.0, 2.5]))

    def gamma(self, t: Tensor) -> Tensor:
        return t[..., None] ** torch.arange(3) @ self.coefficients


def documented_transform(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Part:
    """The transformation that docs/extending.md adds."""
    page = Path(__file__).parent.parent.parent / "docs" / "extending.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    (folder / "squash_of_modes.py").write_text(code)
    monkeypatch.setattr(ndm.parts.transforms, "__path__", [*ndm.parts.transforms.__path__, str(folder)])
    transform = axes.TRANSFORMS.find("squash_of_modes")()
    nn.init.constant_(transform.theta, 0.7)
    return transform


def test_inference_mode_gives_them_for_new_parts(tmp_path, monkeypatch):
    model = tiny_model(EVENT, schedule=Power(), transform=documented_transform(tmp_path, monkeypatch)).eval()
    assert differing(model, data_for(model.decoder, EVENT), torch.inference_mode(), MEASURES) == []


class Energetic(Predictor):
    """A new part that takes a gradient itself: x^ = z_t - dE/dz_t."""

    def forward(self, z_t, t, cond, level, transform):
        with torch.enable_grad():
            z = z_t.detach().requires_grad_()
            (slope,) = torch.autograd.grad((1 + z**2).log().sum(), z)
        return transform.curve(z_t - slope, cond)


def test_inference_mode_gives_them_for_a_part_that_takes_a_gradient():
    model = tiny_model(EVENT, predictor=Energetic()).eval()
    measures = {name: measure for name, measure in MEASURES.items() if name not in ("schedule", "curve", "scale")}
    assert differing(model, data_for(model.decoder, EVENT), torch.inference_mode(), measures) == []


def paper() -> tuple[ndm.NeuralDiffusion, Tensor]:
    torch.manual_seed(0)
    parts = {"transform": make("transform", "residual", (3,)), "schedule": ndm.schedules.LearnedSchedule(-6.0, 4.0)}
    return tiny_model((3,), **parts), torch.randn(BATCH, 3)


@pytest.mark.parametrize("name", MEASURES)
def test_a_model_made_in_inference_mode_has_the_same_values_or_is_refused(name):
    """Where a gradient needs its weights, in one line that says what to do."""
    model, x = paper()
    with torch.no_grad():
        expected = MEASURES[name](model.eval(), x)
    with torch.inference_mode():
        made = copy.deepcopy(model)
    assert next(made.parameters()).is_inference()
    for mode in (torch.inference_mode, torch.no_grad):
        if name in ("log_prob", "ode_likelihood", "optimised grid"):
            with pytest.raises(InputError, match=r"made in torch.inference_mode.*copy.deepcopy\(model\)"), mode():
                MEASURES[name](made, x)
        else:
            with mode():
                assert torch.equal(MEASURES[name](made, x), expected)
    with torch.no_grad():
        assert torch.equal(MEASURES[name](copy.deepcopy(made), x), expected)


def test_training_a_model_made_in_inference_mode_is_refused():
    model, x = paper()
    with torch.inference_mode():
        made = copy.deepcopy(model)
    with pytest.raises(InputError, match=r"made in torch.inference_mode"):
        ndm.bound(made, x)
    made.volatility = ndm.volatilities.BestVolatility()
    with torch.inference_mode():
        made = copy.deepcopy(made).train()
        with pytest.raises(InputError, match=r"made in torch.inference_mode"):  # it notes a running mean
            ndm.bound(made, x)


@pytest.mark.parametrize("timesteps", [None, TIMESTEPS])
def test_data_and_labels_made_in_inference_mode_train(timesteps):
    transform = disturbed(ndm.transforms.ResidualTransform.from_spec(Spec((3,), num_classes=2), width=16, depth=1))
    predictor = disturbed(
        ndm.DirectPredictor.from_spec(Spec((3,), num_classes=2), transform=transform, width=16, depth=1)
    )
    model = tiny_model((3,), transform=transform, predictor=predictor)
    x, labels = torch.randn(BATCH, 3), torch.arange(BATCH) % 2

    def gradients(x: Tensor, labels: Tensor) -> list[Tensor]:
        loss = (
            ndm.bound(model, x, labels, timesteps, generator=seeded()).total
            + ndm.kinetic_energy(model, x, labels, generator=seeded())
        ).mean()
        return [g for g in torch.autograd.grad(loss, list(model.parameters()), allow_unused=True) if g is not None]

    with torch.inference_mode():
        made = x.clone(), labels.clone()
    assert all(map(torch.equal, gradients(*made), gradients(x, labels)))
    with torch.inference_mode():
        density = ndm.log_prob(model.eval(), *made[:1], cond=made[1], solver=SOLVER)
    assert torch.equal(density, ndm.log_prob(model, x, cond=labels, solver=SOLVER))
    assert torch.equal(
        ndm.samplers.grids.Optimised(model, (3,), made[1], samples=BATCH, fine=4).errors,
        ndm.samplers.grids.Optimised(model, (3,), labels, samples=BATCH, fine=4).errors,
    )


def test_validation_in_inference_mode_leaves_training_alone():
    """As Lightning does it: the same weights, and the same validations, as with `torch.no_grad`."""

    def trained(mode: Callable[[], contextlib.AbstractContextManager]) -> Tensor:
        model, x = paper()
        model.volatility = ndm.volatilities.BestVolatility()
        optimizer = torch.optim.SGD(model.parameters(), 1e-7)
        values = []
        for _ in range(3):
            ndm.bound(model.train(), x, generator=seeded()).total.mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            model.eval()
            with mode():
                values += [MEASURES[name](model, x.clone()) for name in ("nelbo", "model", "log_prob")]
        return joined(*values, *model.state_dict().values())

    assert torch.equal(trained(torch.inference_mode), trained(torch.no_grad))


bf16 = torch.autocast("cpu", torch.bfloat16)


@pytest.mark.parametrize("network", ["mlp", "unet"])
def test_autocast_leaves_the_ode_alone(network):
    """A density needs the velocity and its divergence in full: the values are those without autocast."""
    options = {"width": 16, "depth": 1} if network == "mlp" else {"channels": 16, "multipliers": [1]}
    transform = disturbed(ndm.transforms.ResidualTransform.from_spec(Spec(IMAGE), network=network, **options))
    predictor = disturbed(
        ndm.predictors.PlugInPredictor.from_spec(Spec(IMAGE), transform=transform, network=network, **options)
    )
    model = tiny_model(IMAGE, transform=transform, predictor=predictor).eval()
    x = data_for(model.decoder, IMAGE)
    assert differing(model, x, bf16, OF_THE_ODE) == []
    assert differing(model, x, bf16, {"nelbo": OTHERS["nelbo"]}) == ["nelbo"]  # its networks are rounded


class Rotated(Transform):
    """A new part whose curve is made of products: F(x, t) = cos(t) x + sin(t) A x, A orthogonal."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.linalg.qr(torch.randn(3, 3, generator=seeded()))[0])

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return RotatedCurve(self.matrix, x)


class RotatedCurve(Curve):
    def __init__(self, matrix: Tensor, x: Tensor) -> None:
        self.matrix, self.x = matrix, x

    def __call__(self, t: Tensor) -> Tensor:
        return like_event(t.cos(), self.x) * self.x + like_event(t.sin(), self.x) * (self.x @ self.matrix)


def test_autocast_leaves_new_schedules_and_curves_alone():
    """Products in the schedule and in the curve of the data are not rounded, in any term or sampler."""
    model = ndm.NeuralDiffusion(Power(), Rotated(), lambda z_t, t, cond: torch.tanh(z_t), ndm.GaussianDecoder()).eval()
    measures = {name: measure for name, measure in MEASURES.items() if name not in ("schedule", "curve")}
    measures["grid of gamma"] = lambda model, x: Heun(model, 4, grid=uniform_gamma).times
    assert differing(model, torch.randn(BATCH, 3), bf16, measures) == []


def seen_types(model: ndm.NeuralDiffusion, x: Tensor, measure: Measure) -> set[torch.dtype]:
    """The types in which the last layers of the model's networks compute under autocast."""
    found: set[torch.dtype] = set()
    hooks = [
        module.register_forward_hook(lambda module, given, result: found.add(result.dtype))
        for network in model.modules()
        if isinstance(network, Network)
        for module in network.modules()
        if isinstance(module, nn.Linear)
    ]
    with bf16:
        measure(model, x)
    for hook in hooks:
        hook.remove()
    return found


def test_networks_have_the_autocast_of_the_caller_but_for_the_ode():
    """Within the model, and within a predictor that is a function; F of data stays in full."""
    inner = disturbed(ndm.MLP((3,), width=16, depth=1))
    for predictor in (make("predictor", "plug_in", (3,)), lambda z_t, t, cond: inner(z_t, t)[:, 0]):
        model, x = tiny_model((3,), predictor=predictor).eval(), torch.randn(BATCH, 3)
        model.inner = inner
        for name, measure in MEASURES.items():
            if name not in ("schedule", "curve", "scale"):
                assert seen_types(model, x, measure) == {torch.float32 if name in OF_THE_ODE else torch.bfloat16}, name
    model = tiny_model((3,), transform=make("transform", "residual", (3,)), predictor=lambda z_t, t, cond: z_t).eval()
    assert seen_types(model, x, MEASURES["model"]) == {torch.float32}


def test_a_predictor_that_switches_autocast_off_keeps_it_off():
    inner = tiny_model((3,), predictor=make("predictor", "plug_in", (3,))).eval()

    def predictor(z_t, t, cond):
        with torch.autocast("cpu", enabled=False):
            return inner.predict(z_t, t)(t)

    model = tiny_model((3,), predictor=predictor).eval()
    model.inner = inner
    assert seen_types(model, torch.randn(BATCH, 3), MEASURES["nelbo"]) == {torch.float32}


def silent(mode: Callable[[], contextlib.AbstractContextManager]) -> Callable:
    """A denoiser that hides its gradient."""

    def predictor(z_t, t, cond):
        with mode():
            return torch.tanh(z_t)

    return predictor


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_predictor_whose_gradient_is_missing_is_refused(mode):
    """Without it the divergence would be that of the linear part alone, and the bound's gradient one of half."""
    x = torch.randn(BATCH, 3)
    model = tiny_model((3,), predictor=silent(mode), schedule=ndm.LearnedLinearSchedule(-6.0, 4.0)).eval()
    for name in ("log_prob", "optimised grid"):
        with pytest.raises(InputError, match=r"derivative PyTorch does not see|made in torch.inference_mode"):
            MEASURES[name](model, x)
    with pytest.raises(InputError, match=r"derivative PyTorch does not see|made in torch.inference_mode"):
        ndm.bound(model, x)
    with torch.no_grad():  # values need no gradient
        assert differing(model, x, torch.inference_mode(), {"nelbo": OTHERS["nelbo"]}) == []


def test_a_network_whose_gradient_is_missing_is_refused():
    class Frozen(ndm.MLP):
        @torch.no_grad()
        def forward(self, *inputs):
            return super().forward(*inputs)

    model = tiny_model(
        (3,), predictor=ndm.predictors.PlugInPredictor(disturbed(Frozen((3,), width=16, depth=1)))
    ).eval()
    with pytest.raises(InputError, match="derivative PyTorch does not see"):
        ndm.log_prob(model, torch.randn(BATCH, 3))


def test_a_predictor_that_is_a_constant_needs_no_gradient():
    """x^ = 1: the ODE is linear in z, v = c z + b, and its divergence c d."""
    model = tiny_model(
        (3,), predictor=lambda z_t, t, cond: torch.ones(3).expand_as(z_t), transform=ndm.IdentityTransform()
    ).eval()
    x, ends = torch.randn(BATCH, 3), [model.schedule(torch.tensor(t)) for t in (0.0, 1.0)]
    scale = ends[1].sigma / ends[0].sigma
    z_1 = scale * ends[0].alpha * x + ends[1].alpha - scale * ends[0].alpha
    expected = model.prior(z_1).log_prob(z_1) + 3 * (scale * ends[0].alpha).log()
    torch.testing.assert_close(ndm.log_prob(model, x), expected, rtol=1e-4, atol=1e-4)


def test_velocities_are_mapped_and_what_cannot_be_mapped_or_nested_is_an_error():
    """Never a number that lacks a part."""
    model, x = paper()
    t = times()[1]
    mapped = torch.func.vmap(lambda x, t: model.curve(x[None]).with_velocity(t[None])[1][0])(x, t)
    torch.testing.assert_close(mapped, model.curve(x).with_velocity(t)[1])
    with pytest.raises(RuntimeError, match="vmap"):
        torch.func.vmap(lambda x: ndm.bound(model, x[None]).total)(x)
    with forward_ad.dual_level(), pytest.raises(RuntimeError, match="Nested forward mode"):
        model.curve(forward_ad.make_dual(x, torch.ones_like(x))).with_velocity(t)
