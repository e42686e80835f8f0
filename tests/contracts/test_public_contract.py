"""The public contract of docs/design.md, as a user writes it."""

import dataclasses
import math
from operator import attrgetter

import making
import pytest
import safetensors.torch
import torch

import ndm

NAMES = [
    "NeuralDiffusion",
    "Bound",
    "Curve",
    "Gaussian",
    "InputError",
    "nelbo",
    "bits_per_dim",
    "samplers.Ancestral",
    "schedules.LinearSchedule",
    "schedules.CosineSchedule",
    "schedules.FlowSchedule",
    "schedules.LearnedSchedule",
    "IdentityTransform",
    "transforms.ScalingTransform",
    "transforms.ResidualTransform",
    "SeriesTransform",
    "predictors.PlugInPredictor",
    "DirectPredictor",
    "GaussianDecoder",
    "DiscretisedDecoder",
    "MLP",
    "UNet",
    "volatilities.ConstantVolatility",
    "volatilities.LearnedVolatility",
    "volatilities.PerDimensionVolatility",
    "volatilities.BestVolatility",
    "volatilities.MarkovVolatility",
    "reverse_steps.PosteriorReverseStep",
    "reverse_steps.LearnedReverseStep",
    "reverse_steps.AnalyticReverseStep",
    "reverse_steps.MomentsReverseStep",
    "reverse_steps.MixtureReverseStep",
    "Mixture",
    "time_functions.Pieces",
    "__version__",
]


def model_of_images() -> ndm.NeuralDiffusion:
    network = ndm.UNet((1, 8, 8), channels=8, multipliers=(1, 2))
    return ndm.NeuralDiffusion(
        schedule=ndm.schedules.LinearSchedule(-13.3, 5.0),
        transform=ndm.IdentityTransform(),
        predictor=ndm.DirectPredictor(network),
        decoder=ndm.GaussianDecoder(),
        volatility=ndm.volatilities.ConstantVolatility(1.0),
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_exported(name):
    assert attrgetter(name)(ndm) is not None
    assert name == "__version__" or name.partition(".")[0] in ndm.__all__


@pytest.mark.parametrize("name", ndm.__all__)
def test_an_exported_name_exists_and_says_what_it_is(name):
    value = getattr(ndm, name)
    assert name == "__version__" or (value.__doc__ and value.__doc__[0].strip())


def test_a_model_gives_one_draw_of_the_bound():
    model, x = model_of_images(), torch.randn(5, 1, 8, 8)
    bound = ndm.bound(model, x)
    assert isinstance(bound, ndm.Bound)
    assert [field.name for field in dataclasses.fields(bound)] == ["prior", "diffusion", "reconstruction"]
    assert bound.total.shape == (5,) and bound.total.requires_grad
    assert ndm.bound(model, x, cond=None, timesteps=10).total.shape == (5,)


def test_a_model_gives_its_five_distributions():
    model, x = model_of_images(), torch.randn(5, 1, 8, 8)
    curve, s, t = model.curve(x, None), torch.rand(5) * 0.4, torch.tensor(0.5)
    z_t = model.marginal(curve, t).sample(torch.randn_like(x))
    predicted = model.predict(z_t, t, None)
    assert isinstance(curve, ndm.Curve) and isinstance(predicted, ndm.Curve)
    q, p = (model.posterior(z_t, path, s, t.expand(5)) for path in (curve, predicted))
    assert isinstance(q, ndm.Gaussian) and q.kl(p).shape == (5,) and (q.kl(p) >= 0).all()


def test_nelbo_averages_draws():
    model, x = model_of_images(), torch.randn(5, 1, 8, 8)
    estimate = ndm.nelbo(model, x, timesteps=None, draws=64)
    assert isinstance(estimate, ndm.Bound) and not estimate.total.requires_grad
    assert estimate.total.shape == estimate.standard_error.shape == (5,)
    fresh = ndm.nelbo(model, x, draws=64)
    assert ((fresh.total - estimate.total).abs() < 8 * estimate.standard_error).all()
    assert ndm.nelbo(model, x, timesteps=7, draws=2).total.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ({"draws": 1}, "draws = 1"),
        ({"draws": 0}, "draws = 0"),
        ({"timesteps": 0}, "timesteps = 0"),
        ({"timesteps": -1}, "timesteps = -1"),
    ],
)
def test_nelbo_refuses_wrong_use(arguments, got):
    with pytest.raises(ndm.InputError, match=got):
        ndm.nelbo(model_of_images(), torch.randn(2, 1, 8, 8), **arguments)


def test_nelbo_refuses_no_examples_and_leaves_the_model_as_it_was():
    model = model_of_images().train()
    with pytest.raises(ndm.InputError, match="empty batch"):
        ndm.nelbo(model, torch.randn(0, 1, 8, 8))
    ndm.nelbo(model, torch.randn(2, 1, 8, 8), draws=2)
    with pytest.raises(ndm.InputError, match="NaN"):
        ndm.nelbo(model, torch.full((2, 1, 8, 8), math.nan), draws=2)
    assert model.training


def test_bits_per_dim_converts_nats():
    assert ndm.bits_per_dim(64 * math.log(2), (1, 8, 8)) == pytest.approx(1.0)
    assert ndm.bits_per_dim(torch.tensor([0.0, 6 * math.log(256)]), (2, 3)).tolist() == pytest.approx([0.0, 8.0])


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_are_drawn_as_documented(eta):
    g = torch.Generator().manual_seed(0)
    x = ndm.samplers.Ancestral(model_of_images(), steps=50, eta=eta)((16, 1, 8, 8), generator=g)
    assert x.shape == (16, 1, 8, 8) and x.isfinite().all()


def test_a_model_is_saved_and_loaded(tmp_path):
    model, x = model_of_images(), torch.randn(3, 1, 8, 8)
    model.save_pretrained(tmp_path)
    again = ndm.NeuralDiffusion.from_pretrained(tmp_path)
    first, second = (ndm.nelbo(m, x, draws=2, generator=torch.Generator().manual_seed(0)) for m in (model, again))
    assert torch.equal(first.total, second.total)


def test_a_predictor_may_be_any_function():
    model = ndm.NeuralDiffusion(
        ndm.schedules.CosineSchedule(), ndm.IdentityTransform(), lambda z_t, t, cond: 0 * z_t, ndm.GaussianDecoder()
    )
    assert ndm.bound(model, torch.randn(4, 2)).total.shape == (4,)


def test_wrong_data_never_pass_silently():
    model = model_of_images()
    for value in (math.nan, math.inf):
        with pytest.raises(ndm.InputError, match="1 NaN or infinite value of"):
            x = torch.randn(2, 1, 8, 8)
            x[1, 0, 3, 3] = value
            ndm.bound(model, x)
    with pytest.raises(ndm.InputError, match="int64"):
        ndm.bound(model, torch.zeros(2, 1, 8, 8, dtype=torch.int64))
    with pytest.raises(ndm.InputError, match=r"\(2, 3, 8, 8\)"):
        ndm.bound(model, torch.randn(2, 3, 8, 8))
    with pytest.raises(ndm.InputError, match="labels"):
        ndm.bound(model, torch.randn(2, 1, 8, 8), cond=torch.tensor([0, 1]))


def test_a_bound_of_a_deterministic_process_is_refused():
    model = model_of_images()
    model.volatility = ndm.volatilities.ConstantVolatility(0.0)
    for timesteps in (None, 4):
        with pytest.raises(ndm.InputError, match="eta = 0"):
            ndm.bound(model, torch.randn(2, 1, 8, 8), timesteps=timesteps)


def test_a_markov_volatility_is_that_of_ddpm_where_f_is_the_identity():
    model, x, bounds = model_of_images(), torch.randn(2, 1, 8, 8), []
    for volatility in (ndm.volatilities.MarkovVolatility(), ndm.volatilities.ConstantVolatility(1.0)):
        model.volatility = volatility
        bounds.append(
            [
                ndm.bound(model, x, timesteps=timesteps, generator=torch.Generator().manual_seed(0)).total
                for timesteps in (None, 4)
            ]
        )
    torch.testing.assert_close(*bounds)


DAMAGES = {
    "no configuration": ("config.json", lambda whole: None),
    "half a configuration": ("config.json", lambda whole: whole[: len(whole) // 2]),
    "a list": ("config.json", lambda whole: b"[]"),
    "no parts": ("config.json", lambda whole: b'{"class": "NeuralDiffusion"}'),
    "another argument": ("config.json", lambda whole: whole.replace(b'"gamma_min"', b'"gamma_low"')),
    "no model": ("config.json", lambda whole: b'{"class": "MLP", "event_shape": [2]}'),
    "no weights": ("model.safetensors", lambda whole: None),
    "empty weights": ("model.safetensors", lambda whole: b""),
    "half the weights": ("model.safetensors", lambda whole: whole[: len(whole) // 2]),
    "other weights": ("model.safetensors", lambda whole: safetensors.torch.save({"other": torch.zeros(3)})),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_model_is_refused_in_one_line(tmp_path, name):
    model_of_images().save_pretrained(tmp_path)
    file, damage = DAMAGES[name]
    damaged = damage((tmp_path / file).read_bytes())
    if damaged is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(damaged)
    with pytest.raises(ndm.InputError) as error:
        ndm.NeuralDiffusion.from_pretrained(tmp_path)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def points(**parts: object) -> ndm.NeuralDiffusion:
    """A model of points of the plane, with a path by three functions of time."""
    defaults = {
        "transform": ndm.SeriesTransform(
            ndm.nn.HiddenLayer((2,), num_outputs=3), ndm.time_functions.IntegratedBumps(3)
        ),
        "predictor": ndm.DirectPredictor(ndm.MLP((2,), num_outputs=4, width=8, depth=1)),
    }
    return ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(-6.0, 4.0), decoder=ndm.GaussianDecoder(), **defaults | parts
    )


@pytest.mark.parametrize("num_outputs", [1, 2, 3, 5])
def test_a_network_of_too_many_or_too_few_outputs_is_refused(num_outputs):
    """Two would broadcast: one head for all three functions of time."""
    predictor = ndm.DirectPredictor(ndm.MLP((2,), num_outputs=num_outputs, width=8, depth=1))
    with pytest.raises(ndm.InputError, match=f"a network of {num_outputs} outputs; expected 4"):
        ndm.bound(points(predictor=predictor), torch.randn(5, 2))
    with pytest.raises(ndm.InputError, match="a network of 4 outputs; expected 1"):
        plugged = ndm.predictors.PlugInPredictor(ndm.MLP((2,), num_outputs=4, width=8, depth=1))
        ndm.bound(points(predictor=plugged), torch.randn(5, 2))


def test_a_path_of_too_many_or_too_few_outputs_is_refused():
    with pytest.raises(ndm.InputError, match="h of 1 outputs; expected 3"):
        path = ndm.SeriesTransform(ndm.nn.HiddenLayer((2,)), ndm.time_functions.IntegratedBumps(3))
        ndm.bound(points(transform=path), torch.randn(5, 2))
    with pytest.raises(ndm.InputError, match="a network of 2 outputs for F"):
        ndm.transforms.ResidualTransform(ndm.MLP((2,), num_outputs=2))


def test_a_transformation_is_no_form():
    with pytest.raises(ndm.InputError, match="parameterisation = IdentityTransform; expected a Parameterisation"):
        ndm.predictors.PlugInPredictor(ndm.MLP((2,)), ndm.IdentityTransform())


def test_an_empty_batch_and_another_precision_are_refused():
    with pytest.raises(ndm.InputError, match="an empty batch"):
        ndm.bound(points(), torch.zeros(0, 2))
    with pytest.raises(ndm.InputError, match=r"float64 for a model of torch\.float32"):
        ndm.bound(points(), torch.randn(5, 2, dtype=torch.float64))
    assert ndm.bound(points().double(), torch.randn(5, 2, dtype=torch.float64)).total.dtype == torch.float64


def test_counts_are_whole_numbers():
    model, x = making.tiny_model((3,)).eval(), torch.randn(2, 3)
    for call in (
        lambda: ndm.bound(model, x, timesteps=2.5),
        lambda: ndm.nelbo(model, x, draws=2.5),
        lambda: ndm.importance_weighted(model, x, timesteps=2.5, draws=2),
        lambda: ndm.importance_weighted(model, x, timesteps=2, draws=True),
        lambda: ndm.samplers.Ancestral(model, steps=2.5),
    ):
        with pytest.raises(ndm.InputError, match="a whole number"):
            call()
