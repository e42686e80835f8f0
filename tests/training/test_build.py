"""From a configuration to a model, and what its choices do to the bound."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import IMAGES, POINTS, images, lines, points

import ndm
from ndm import recipes
from ndm.errors import InputError
from ndm.registry import modules
from ndm.step_variances.posterior import PosteriorStepVariance
from ndm.training.build import as_array, as_tensor, build_model
from ndm.training.loop import Trainer

RECIPES = {name: module.RECIPE for name, module in modules("ndm.recipes").items()}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_model(name):
    data = images() if "images" in name or name == "digits" else points()
    model = build_model(RECIPES[name], data)
    x = as_tensor(data.train.x[:4], model.decoder)
    assert model(x).total.isfinite().all() and model(x, timesteps=5).total.isfinite().all()
    assert recipes.recipe(name, data) is RECIPES[name]
    assert RECIPES[name].max_steps or RECIPES[name].max_seconds


def test_data_choose_their_recipe():
    assert recipes.recipe(None, images()) is RECIPES["images"]
    assert recipes.recipe(None, points()) is RECIPES["vectors"]
    with pytest.raises(InputError, match="recipe 'paper'; expected one of cities, digits, images, vectors"):
        recipes.recipe("paper", points())


@pytest.mark.parametrize(("kind", "known"), [
    ("schedule", "cosine, flow, learned, linear"), ("transform", "identity, residual, scaling, time_basis"),
    ("predictor", "callable, direct, plug_in"), ("volatility", "best, constant, learned, markov, per_dimension"),
    ("step_variance", "analytic, learned, posterior")])
def test_an_unknown_name_is_refused_with_what_is_known(kind, known):
    with pytest.raises(InputError) as error:
        build_model(replace(POINTS, **{kind: "unheard"}), points())
    assert "'unheard'" in error.value.got and error.value.expected.startswith("one of ")
    assert set(known.split(", ")) <= set(error.value.expected.removeprefix("one of ").split(", "))


@pytest.mark.parametrize("options", [{"colour": 3}, {"event_shape": (2,)}, {"width": "wide"}, {"width": -4},
                                     {"width": None}, {"width": [8]}], ids=str)
@pytest.mark.parametrize("part", ["transform", "predictor"])
def test_options_that_make_no_part_are_refused(part, options):
    with pytest.raises(InputError) as error:
        build_model(replace(POINTS, **{f"{part}_options": options}), points())
    assert "\n" not in str(error.value)


CATEGORICAL = {"network": "mlp", "width": 8, "form": "categorical"}


def test_a_categorical_form_has_the_levels_of_its_data():
    form = build_model(replace(POINTS, predictor_options=CATEGORICAL), images()).predictor.form
    assert form.decoder.num_levels == 17
    with pytest.raises(InputError, match="real values"):
        build_model(replace(POINTS, predictor_options=CATEGORICAL), points())


@pytest.mark.parametrize("options", [{"num_levels": 9}, {"num_levels": 256}, {"colour": 3}, 3], ids=str)
def test_options_that_make_no_form_are_refused(options):
    with pytest.raises(InputError, match="options"):
        build_model(replace(POINTS, predictor_options=CATEGORICAL | {"form_options": options}), images())


def test_the_default_predictor_follows_the_transformation():
    assert isinstance(build_model(POINTS, points()).predictor, ndm.DirectPredictor)
    residual = replace(POINTS, transform="residual", transform_options={"width": 8})
    assert isinstance(build_model(residual, points()).predictor, ndm.PlugInPredictor)
    with pytest.raises(InputError, match="use the plug-in predictor"):
        build_model(replace(residual, predictor="direct"), points())


def test_a_step_variance_needs_a_number_of_steps():
    for name in ("learned", "analytic"):
        with pytest.raises(InputError, match="--timesteps T"):
            build_model(replace(POINTS, step_variance=name), points())


def test_a_volatility_that_does_not_suit_the_transformation_is_refused_when_it_is_built():
    with pytest.raises(InputError, match="MarkovVolatility with TimeBasisTransform; expected a ScalingTransform"):
        build_model(replace(POINTS, volatility="markov"), points())


def test_a_volatility_without_noise_is_refused_when_it_is_built():
    with pytest.raises(InputError, match="eta"):
        build_model(replace(POINTS, volatility_options={"value": 0}), points())


def test_data_and_tensors_are_each_others_inverse():
    for config, data in ((POINTS, points()), (IMAGES, images())):
        decoder = build_model(config, data).decoder
        x = data.train.x
        assert np.array_equal(as_array(as_tensor(x, decoder), decoder), x)
        assert as_array(as_tensor(x, decoder), decoder).dtype == x.dtype
        decoder.check(as_tensor(x, decoder))


def test_real_values_are_standardised_by_the_training_split():
    data = points()
    data.train.x[:] = 100 * data.train.x + 7
    model = build_model(POINTS, data)
    seen = model.decoder.standardise(torch.from_numpy(data.train.x))
    torch.testing.assert_close(seen.mean(0), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(2))


def test_a_constant_dimension_is_refused_by_number():
    data = points()
    data.train.x[:, 1] = 3.0
    with pytest.raises(InputError, match=r"dimension \[1\] of points, which never changes"):
        build_model(POINTS, data)


@pytest.mark.parametrize("name", ["learned", "analytic"])
def test_a_step_variance_lowers_the_bound_of_few_steps(tmp_path, name):
    config = replace(POINTS, timesteps=4, step_variance=name, max_steps=80, batch_size=50, learning_rate=5e-3,
                     log_every=40, save_every=100)
    trainer = Trainer(config, points(), tmp_path)
    assert trainer.fit()
    model, x = trainer.ema.model, torch.from_numpy(points().validation.x)

    def total() -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return ndm.nelbo(model, x, timesteps=4, draws=64, generator=generator).total.mean()

    with_its_own = total()
    model.step_variance = PosteriorStepVariance()
    assert with_its_own < total() - 0.1
    assert lines(tmp_path)[1]["total"] < lines(tmp_path)[0]["total"]


def test_bfloat16_stays_close_to_float32(tmp_path):
    """In one process after the other: two trainers do not get into each other's way."""
    totals = {}
    for precision in ("float32", "bf16"):
        trainer = Trainer(replace(IMAGES, precision=precision, max_steps=5), images(), tmp_path / precision)
        assert trainer.fit()
        totals[precision] = [line["total"] for line in lines(tmp_path / precision)]
        assert all(value.dtype in (torch.float32, torch.float64, torch.int64)
                   for value in trainer.ema.model.state_dict().values())
    assert totals["bf16"] != totals["float32"]
    assert totals["bf16"] == pytest.approx(totals["float32"], rel=0.005)
