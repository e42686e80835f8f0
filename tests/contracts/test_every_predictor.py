"""What every predictor promises, found by the file it lives in."""

import pytest
import torch
from making import BATCH, EVENTS, FOUND, disturbed, encoder, make, times, tiny_model
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.parts.predictors import Predictor
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform

PARAMETERISATIONS = axes.PARAMETERISATIONS.every()

SCHEDULE = ndm.schedules.LinearSchedule(-8.0, 5.0)
POINTS = ("x", "eps", "v", "scaled")  # parameterisations of x^ alone
NAMED = list(FOUND["predictor"])


@pytest.fixture(
    params=[(name, other, event) for name in NAMED for other in FOUND["transform"] for event in EVENTS], ids=str
)
def case(request) -> tuple[Predictor, Transform, Tensor]:
    """A predictor of a transformation's curves, and latents."""
    name, other, event_shape = request.param
    transform = make("transform", other, event_shape)
    predictor = FOUND["predictor"][name].from_spec(
        Spec(event_shape), transform=transform, network="mlp", width=16, depth=1
    )
    return disturbed(predictor).double(), transform.double(), torch.randn(BATCH, *event_shape, dtype=torch.float64)


def test_the_predictors_of_the_library_are_found():
    assert FOUND["predictor"].keys() >= {"plug_in", "direct"}


def test_a_prediction_is_a_curve_of_events(case):
    predictor, transform, z_t = case
    curve = predictor(z_t, times(), None, SCHEDULE(times()), transform)
    for u in (times().flip(0), torch.tensor(0.3, dtype=z_t.dtype)):
        for value in (curve(u), *curve.with_velocity(u)):
            assert value.shape == z_t.shape and value.dtype == z_t.dtype and value.isfinite().all()


def test_an_example_does_not_depend_on_its_neighbours(case):
    predictor, transform, z_t = case
    t = times()
    together = torch.stack(predictor(z_t, t, None, SCHEDULE(t), transform).with_velocity(t))
    for i in range(BATCH):
        one = slice(i, i + 1)
        alone = predictor(z_t[one], t[one], None, SCHEDULE(t[one]), transform)
        torch.testing.assert_close(together[:, one], torch.stack(alone.with_velocity(t[one])))


def test_it_depends_on_the_latent_and_on_the_time(case):
    predictor, transform, z_t = case
    t, u = times(), torch.tensor(0.5, dtype=z_t.dtype)
    base = predictor(z_t, t, None, SCHEDULE(t), transform)(u)
    for other in (
        predictor(z_t + 0.1, t, None, SCHEDULE(t), transform),
        predictor(z_t, t.flip(0), None, SCHEDULE(t.flip(0)), transform),
    ):
        assert (other(u) - base).abs().max() > 1e-4


def test_gradients_reach_every_parameter(case):
    predictor, transform, z_t = case
    curve = predictor(z_t, times(), None, SCHEDULE(times()), transform)
    sum(value.square().sum() for value in curve.with_velocity(times())).backward()
    for name, parameter in predictor.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0, name


def test_a_model_predicts_at_a_single_time(case):
    predictor, transform, z_t = case
    if isinstance(predictor, ndm.predictors.EncodedPredictor):  # for one transformation alone
        transform = encoder(tuple(z_t.shape[1:]))
    model = tiny_model(tuple(z_t.shape[1:]), predictor=predictor, transform=transform).double()
    t = torch.tensor(0.4, dtype=z_t.dtype)
    torch.testing.assert_close(model.predict(z_t, t)(t), model.predict(z_t, t.expand(BATCH))(t))


@pytest.mark.parametrize("name", NAMED)
def test_labels_reach_the_network(name):
    transform = make("transform", "series", (3,), num_classes=5)
    predictor = disturbed(
        FOUND["predictor"][name].from_spec(Spec((3,), num_classes=5), transform=transform, width=16, depth=1)
    )
    z_t, t = torch.randn(BATCH, 3), times(dtype=torch.float32)
    values = [
        predictor(z_t, t, labels, SCHEDULE(t), transform)(t)
        for labels in (None, torch.tensor([0, 1, 2, 3]), torch.tensor([4, 1, 2, 3]))
    ]
    assert not torch.allclose(values[0], values[1])
    assert (values[1] - values[2]).abs()[0].max() > 1e-4 and torch.allclose(values[1][1:], values[2][1:])


@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
@pytest.mark.parametrize("event_shape", EVENTS, ids=str)
def test_a_parameterisation_gives_a_posterior_of_every_dimension(parameterisation, event_shape):
    """At the level of each example, or of each dimension; the direct predictor's curve carries it, a plugged-in one

    only its mean, which is where the curve starts.
    """
    transform = make("transform", "scaling", event_shape).double()
    options = {"parameterisation": parameterisation, "network": "mlp", "width": 16, "depth": 1}
    z_t, t, zero = torch.randn(BATCH, *event_shape, dtype=torch.float64), times(), torch.zeros(BATCH).double()
    level, seen = SCHEDULE(t), transform.seen(SCHEDULE(t), t)
    for name in NAMED:
        predictor = disturbed(
            FOUND["predictor"][name].from_spec(Spec(event_shape, 17), transform=transform, **options)
        ).double()
        for at in (level, seen):
            outputs = torch.randn(BATCH, predictor.parameterisation.num_outputs, *event_shape, dtype=torch.float64)
            posterior = predictor.parameterisation.posterior(z_t, outputs, at)
            torch.testing.assert_close(posterior.log_weights.exp().sum(-1), torch.ones_like(z_t))
            for value in (posterior.mean, posterior.variance, predictor.parameterisation.network_input(z_t, at)):
                assert value.shape == z_t.shape and value.isfinite().all()
            assert (posterior.variance >= 0).all() and (
                parameterisation not in POINTS or (posterior.variance == 0).all()
            )
            alone = predictor.parameterisation.posterior(
                z_t[:1], outputs[:1], NoiseLevel(*(value[:1] for value in vars(at).values()))
            )
            torch.testing.assert_close(posterior.mean[:1], alone.mean)
        curve = predictor(z_t, t, None, level, transform)
        assert (curve.posterior is not None) == (name == "direct")
        if curve.posterior is not None:
            torch.testing.assert_close(curve(zero), curve.posterior.x.mean)
            torch.testing.assert_close(curve.posterior.response(zero), torch.ones_like(z_t))


@pytest.mark.parametrize("parameterisation", PARAMETERISATIONS)
@pytest.mark.parametrize("name", NAMED)
def test_a_form_is_chosen_by_name(name, parameterisation, tmp_path):
    """Its model predicts, is finite for both bounds, and is saved and made again."""
    predictor = make("predictor", name, (3,), parameterisation=parameterisation, num_levels=17)
    assert type(predictor.parameterisation) is PARAMETERISATIONS[parameterisation]
    decoder = ndm.DiscretisedDecoder(17)
    x = decoder.from_integers(torch.arange(BATCH * 3).reshape(BATCH, 3))
    predictor.initialise(x)
    model = tiny_model((3,), predictor=predictor, decoder=decoder).eval()
    model.save_pretrained(tmp_path)
    again = ndm.NeuralDiffusion.from_pretrained(tmp_path)
    for timesteps in (None, 3):
        first, second = (
            ndm.bound(m, x, timesteps=timesteps, generator=torch.Generator().manual_seed(0)).total
            for m in (model, again)
        )
        assert first.isfinite().all() and torch.equal(first, second)


@pytest.mark.parametrize("name", NAMED)
def test_an_unknown_form_or_network_is_refused_with_what_is_known(name):
    with pytest.raises(InputError, match="one of categorical, discrete_gaussian, eps, gaussian_mixture, scaled, v, x"):
        make("predictor", name, (3,), parameterisation="score")
    with pytest.raises(InputError, match=r"mlp.*unet"):
        make("predictor", name, (3,), network="transformer")


def test_any_function_predicts():
    """An analytic denoiser: the posterior mean of standard normal data, x^ = alpha z."""

    def denoise(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        assert t.shape == (len(z_t),)
        return SCHEDULE(t).alpha[:, None] * z_t

    model = ndm.NeuralDiffusion(SCHEDULE, ndm.IdentityTransform(), denoise, ndm.GaussianDecoder())
    z_t, t = torch.randn(BATCH, 3), torch.tensor(0.3)
    torch.testing.assert_close(model.predict(z_t, t)(t), SCHEDULE(t).alpha * z_t)
    assert ndm.bound(model, torch.randn(BATCH, 3)).total.isfinite().all()


def test_a_function_has_no_name_on_the_command_line():
    assert "callable" not in FOUND["predictor"]
    with pytest.raises(InputError, match="its function; make it in Python"):
        ndm.predictors.CallablePredictor.from_spec(Spec((3,)))
