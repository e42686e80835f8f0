"""`torch.export` with a free batch: a program of other batch sizes, with the values of the model."""

from collections.abc import Callable

import pytest
import torch
from making import disturbed
from torch import Tensor, nn
from torch.export import Dim

import ndm
from ndm.base import axes
from ndm.base.spec import Spec
from ndm.nn.network_for import network_for
from ndm.parts.predictors._callable import CallablePredictor

CLASSES = 3
POINTS, IMAGES = (3,), (1, 8, 8)
TRACED, OTHERS = 4, (1, 2, 7)


class Program(nn.Module):
    """A model, and what is asked of it."""

    def __init__(self, model: nn.Module, what: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self.what = model, what

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.what(self.model, *inputs)


def velocity(model: ndm.NeuralDiffusion, z_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
    """All of the forward path: schedule, network, parameterisation, curve, and their derivatives in t."""
    return model.predicted_velocity(z_t, t, cond)


def inputs(batch: int, event_shape: tuple[int, ...], labels: bool = False) -> tuple[Tensor, ...]:
    cond = (torch.arange(batch) % (CLASSES + 1) - 1,) if labels else ()
    return torch.randn(batch, *event_shape), torch.linspace(0.2, 0.8, batch), *cond


def assert_free(model: nn.Module, what: Callable[..., Tensor], make: Callable[[int], tuple[Tensor, ...]]) -> None:
    """The exported program is that of every batch."""
    program, batch = Program(model.eval(), what), Dim("batch")
    with torch.no_grad():
        given = make(TRACED)
        exported = torch.export.export(program, given, dynamic_shapes=(tuple({0: batch} for _ in given),)).module()
        for size in OTHERS:
            given = make(size)
            torch.testing.assert_close(exported(*given), program(*given), rtol=1e-4, atol=1e-5)


def network(event_shape: tuple[int, ...], num_outputs: int, num_classes: int) -> nn.Module:
    if event_shape == POINTS:
        return ndm.MLP(event_shape, num_outputs, width=8, depth=1, num_classes=num_classes)
    return ndm.UNet(event_shape, num_outputs, channels=8, multipliers=(1,), attention=(8,), num_classes=num_classes)


def of_predictor(name: str, event_shape: tuple[int, ...], num_classes: int) -> ndm.NeuralDiffusion:
    """A model whose predictor is that one, on a path for which it evaluates the most."""
    schedule = ndm.schedules.LinearSchedule(-6.0, 4.0)
    if name == "direct":
        h = ndm.nn.HiddenLayer if event_shape == POINTS else ndm.nn.ConvolutionalLayer
        transform = ndm.SeriesTransform(h(event_shape, 2, 8, num_classes), ndm.time_functions.IntegratedBumps(2))
        predictor = ndm.DirectPredictor(network(event_shape, 3, num_classes))
    elif name == "plug_in":
        transform = ndm.transforms.ResidualTransform(network(event_shape, 1, num_classes))
        predictor = ndm.predictors.PlugInPredictor(network(event_shape, 1, num_classes))
    elif name == "encoded":
        transform = ndm.transforms.ResidualTransform.from_spec(
            Spec(event_shape, num_classes=num_classes),
            gate="encoder",
            gate_options={"gamma_min": -6.0, "gamma_max": 4.0},
            **({"width": 8} if event_shape == POINTS else {"channels": 8}),
        )
        predictor = ndm.predictors.EncodedPredictor(network(event_shape, 1, num_classes))
    else:
        transform, own = ndm.transforms.ScalingTransform(event_shape), network(event_shape, 1, num_classes)
        predictor = CallablePredictor(lambda z_t, t, cond: own(z_t, t, cond)[:, 0])
        predictor.own = own
    return disturbed(ndm.NeuralDiffusion(schedule, transform, predictor, ndm.GaussianDecoder()))


@pytest.mark.parametrize("num_classes", [0, CLASSES], ids=["no labels", "labels"])
@pytest.mark.parametrize("event_shape", [POINTS, IMAGES], ids=["MLP", "UNet"])
@pytest.mark.parametrize("name", axes.PREDICTORS.every())
def test_every_predictor(name, event_shape, num_classes):
    model = of_predictor(name, event_shape, num_classes)
    assert_free(model, velocity, lambda batch: inputs(batch, event_shape, num_classes > 0))


@pytest.mark.parametrize("parameterisation", axes.PARAMETERISATIONS.names())
def test_every_form_and_a_step(parameterisation):
    """The mean of the deterministic step from t to t / 2, through a learned scale of each dimension."""
    predictor = ndm.DirectPredictor(
        network(POINTS, axes.PARAMETERISATIONS.make(parameterisation, Spec(POINTS, 5)).num_outputs, 0),
        axes.PARAMETERISATIONS.make(parameterisation, Spec(POINTS, 5)),
    )
    model = disturbed(
        ndm.NeuralDiffusion(
            ndm.schedules.CosineSchedule(-6.0, 4.0),
            ndm.transforms.ScalingTransform(POINTS),
            predictor,
            ndm.DiscretisedDecoder(5),
        )
    )
    assert_free(
        model,
        lambda model, z_t, t: model.posterior(z_t, model.predict(z_t, t), t / 2, t).mean,
        lambda batch: inputs(batch, POINTS),
    )


@pytest.mark.parametrize("name", axes.SCHEDULES.every())
def test_every_schedule_and_the_decoders(name):
    model = ndm.NeuralDiffusion(
        axes.SCHEDULES.find(name)(),
        ndm.IdentityTransform(),
        lambda z_t, t, cond: 0.5 * z_t,
        ndm.DiscretisedDecoder(5),
    )
    assert_free(
        model,
        lambda model, z_t, t: model.decoder.log_probs(model.predicted_velocity(z_t, t), model.schedule(t)),
        lambda batch: inputs(batch, POINTS),
    )


@pytest.mark.parametrize("kind", ["full_resolution", "mlp", "unet"])
def test_a_network_alone(kind):
    options = {"mlp": {"width": 8}, "unet": {"channels": 8}, "full_resolution": {"channels": 8}}[kind]
    made = disturbed(network_for(Spec(IMAGES, num_classes=CLASSES), 2, kind, **options))
    assert_free(made, lambda made, *given: made(*given), lambda batch: inputs(batch, IMAGES, labels=True))


def test_the_program_takes_other_images_and_frequencies():
    transform = ndm.transforms.ScalingTransform(IMAGES, ndm.process.bases.CosineBasis(8, 8))
    model = disturbed(
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(-6.0, 4.0),
            transform,
            ndm.predictors.PlugInPredictor(network(IMAGES, 1, 0)),
            ndm.DiscretisedDecoder(16),
        )
    )
    assert_free(model, velocity, lambda batch: inputs(batch, IMAGES))
