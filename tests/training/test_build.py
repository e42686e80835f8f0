"""From a configuration to a model, and what its choices do to the bound."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from tiny import IMAGES, POINTS, images, lines, points

import ndm
from ndm import recipes
from ndm.base.errors import InputError
from ndm.base.registry import modules
from ndm.config import Config
from ndm.data import DataSet
from ndm.parts.reverse_steps.posterior import PosteriorReverseStep
from ndm.training.build import build_model
from ndm.training.trainer import Trainer

RECIPES = {name: module.RECIPE for name, module in modules("ndm.recipes").items() if hasattr(module, "RECIPE")}
LARGE = {
    "cifar10",
    "imagenet32",
    "imagenet64",
    "celeba_hq_256",
}  # too expensive to run: tests/benchmarks/test_compute.py


@pytest.mark.parametrize("name", sorted(RECIPES.keys() - LARGE))
def test_every_recipe_makes_a_model(name):
    data = points() if name == "cities" else images()
    model = build_model(RECIPES[name], data)
    x = model.decoder.from_raw(data.train.x[:4])
    assert ndm.bound(model, x).total.isfinite().all() and ndm.bound(model, x, timesteps=5).total.isfinite().all()
    few = build_model(replace(RECIPES[name], timesteps=3), data)
    assert few.reverse_step.needs_posterior and ndm.bound(few, x, timesteps=3).total.isfinite().all()
    assert recipes.recipe(name, data) == RECIPES[name]
    assert RECIPES[name].max_steps or RECIPES[name].max_seconds


def test_data_choose_their_recipe():
    assert recipes.recipe(None, replace(points(), name="cities")) == RECIPES["cities"]
    assert recipes.recipe(None, images()).predictor_options["network"] == "unet"
    assert recipes.recipe(None, points()).predictor_options["network"] == "mlp"
    with pytest.raises(InputError, match=r"recipe 'paper'; expected one of blurring, .*cities, .*mnist"):
        recipes.recipe("paper", points())


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("schedule", "cosine, flow, learned, linear"),
        ("transform", "identity, residual, scaling, series"),
        ("predictor", "direct, encoded, plug_in"),
        ("volatility", "best, constant, learned, markov, per_dimension"),
        ("reverse_step", "analytic, learned, mixture, moments, posterior"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_known(kind, known):
    with pytest.raises(InputError) as error:
        build_model(replace(POINTS, **{kind: "unheard"}), points())
    assert "'unheard'" in error.value.got and error.value.expected.startswith("one of ")
    assert set(known.split(", ")) <= set(error.value.expected.removeprefix("one of ").split(", "))


@pytest.mark.parametrize(
    "options",
    [{"colour": 3}, {"event_shape": (2,)}, {"width": "wide"}, {"width": -4}, {"width": None}, {"width": [8]}],
    ids=str,
)
@pytest.mark.parametrize("part", ["transform", "predictor"])
def test_options_that_make_no_part_are_refused(part, options):
    with pytest.raises(InputError) as error:
        build_model(replace(POINTS, **{f"{part}_options": options}), points())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lead": float("nan")}, "lead = nan"),
        ({"lead": 500}, "lead = 500"),
        ({"lead": "far"}, "lead = 'far'"),
        ({"num_functions": 10**9}, "num = 1000000000"),
        ({"num_functions": "abc"}, "num_functions = 'abc'"),
        ({"timesteps": 2}, "the option timesteps"),
    ],
    ids=str,
)
def test_values_that_make_no_path_are_refused(options, said):
    with pytest.raises(InputError) as error:
        build_model(replace(POINTS, timesteps=4, transform_options=options), points())
    assert said in error.value.got and "\n" not in str(error.value)


CATEGORICAL = {"network": "mlp", "width": 8, "parameterisation": "categorical"}


def test_a_categorical_form_has_the_levels_of_its_data():
    form = build_model(replace(POINTS, predictor_options=CATEGORICAL), images()).predictor.parameterisation
    assert form.decoder.num_levels == 17
    with pytest.raises(InputError, match="real values"):
        build_model(replace(POINTS, predictor_options=CATEGORICAL), points())


@pytest.mark.parametrize("options", [{"num_levels": 9}, {"num_levels": 256}, {"colour": 3}, 3], ids=str)
def test_options_that_make_no_form_are_refused(options):
    with pytest.raises(InputError, match="options"):
        build_model(replace(POINTS, predictor_options=CATEGORICAL | {"parameterisation_options": options}), images())


def test_the_default_path_is_learned_where_steps_are_few():
    """What does-it-pay.md found; a path that is named is kept."""
    for timesteps, expected in (
        (None, ndm.IdentityTransform),
        (1, ndm.transforms.ScalingTransform),
        (8, ndm.transforms.ScalingTransform),
        (9, ndm.IdentityTransform),
    ):
        config = replace(POINTS, transform=None, timesteps=timesteps)
        assert type(build_model(config, points()).transform) is expected
        assert type(build_model(replace(config, transform="series"), points()).transform) is ndm.SeriesTransform


def test_the_default_predictor_follows_the_transformation():
    assert isinstance(build_model(POINTS, points()).predictor, ndm.DirectPredictor)
    residual = replace(POINTS, transform="residual", transform_options={"width": 8})
    assert isinstance(build_model(residual, points()).predictor, ndm.DirectPredictor)
    assert isinstance(
        build_model(replace(residual, predictor="plug_in"), points()).predictor, ndm.predictors.PlugInPredictor
    )


def test_a_reverse_step_needs_a_number_of_steps():
    for name in ("learned", "analytic"):
        with pytest.raises(InputError, match="in continuous time") as error:
            build_model(replace(POINTS, reverse_step=name), points())
        assert "--timesteps T" in error.value.on_command_line


def test_the_default_volatility_suits_every_transformation():
    for name in ("identity", "scaling", "series", "residual"):
        model = build_model(replace(POINTS, transform=name), points())
        assert isinstance(model.volatility, ndm.volatilities.MarkovVolatility)
        x = model.decoder.from_raw(points().train.x[:4])
        assert ndm.bound(model, x).total.isfinite().all() and ndm.bound(model, x, timesteps=3).total.isfinite().all()


def test_a_volatility_without_noise_is_refused_when_it_is_built():
    with pytest.raises(InputError, match="eta = 0"):
        build_model(replace(POINTS, volatility="constant", volatility_options={"value": 0}), points())


def chosen(config: Config, data: DataSet) -> tuple[str, str, str, str]:
    """What a model is made of: its schedule, its predictor and its form, and its reverse step."""
    model = build_model(config, data)
    return tuple(
        type(part).__name__
        for part in (model.schedule, model.predictor, model.predictor.parameterisation, model.reverse_step)
    )


FREQUENCY = {"transform_options": {"basis": "frequency"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("LearnedLinearSchedule", "DirectPredictor", "ScaledParameterisation", "PosteriorReverseStep")),
        (
            {"timesteps": 4},
            ("LearnedSchedule", "DirectPredictor", "GaussianMixtureParameterisation", "MixtureReverseStep"),
        ),
        (
            {"timesteps": 4, "transform": "identity"},
            ("LearnedSchedule", "DirectPredictor", "GaussianMixtureParameterisation", "MixtureReverseStep"),
        ),
        (
            {"timesteps": 4, "predictor": "plug_in"},
            ("LearnedSchedule", "PlugInPredictor", "ScaledParameterisation", "AnalyticReverseStep"),
        ),
        (
            {"timesteps": 4} | FREQUENCY,
            ("LearnedSchedule", "DirectPredictor", "ScaledParameterisation", "AnalyticReverseStep"),
        ),
        (
            {"timesteps": 4, "schedule": "linear"},
            ("LinearSchedule", "DirectPredictor", "GaussianMixtureParameterisation", "MixtureReverseStep"),
        ),
        (
            {"timesteps": 4, "reverse_step": "moments"},
            ("LearnedSchedule", "DirectPredictor", "GaussianMixtureParameterisation", "MomentsReverseStep"),
        ),
        (
            {"timesteps": 4, "reverse_step": "learned"},
            ("LearnedSchedule", "DirectPredictor", "ScaledParameterisation", "LearnedReverseStep"),
        ),
        (
            {"timesteps": 4, "reverse_step": "posterior", "schedule": "learned_linear"},
            ("LearnedLinearSchedule", "DirectPredictor", "ScaledParameterisation", "PosteriorReverseStep"),
        ),
        (
            {"reverse_step": "mixture", "schedule": "cosine"},
            ("CosineSchedule", "DirectPredictor", "GaussianMixtureParameterisation", "MixtureReverseStep"),
        ),
    ],
    ids=str,
)
def test_timesteps_choose_what_is_left_open_and_nothing_else(changes, expected):
    assert chosen(replace(IMAGES, **changes), images()) == expected


def test_the_form_of_a_recipe_or_a_command_is_kept():
    assert chosen(replace(RECIPES["digits"], timesteps=4), images())[2] == "CategoricalParameterisation"
    for form, name in (
        ("scaled", "ScaledParameterisation"),
        ("x", "XParameterisation"),
        ("gaussian_mixture", "GaussianMixtureParameterisation"),
    ):
        for timesteps in (None, 4):
            config = replace(
                POINTS, timesteps=timesteps, predictor_options=POINTS.predictor_options | {"parameterisation": form}
            )
            assert chosen(config, points())[2] == name


def test_a_scale_is_free_at_each_of_a_few_steps():
    """And has a value for each dimension; an option says otherwise."""
    for timesteps, expected in ((None, 4), (3, 3), (100, 16)):
        model = build_model(replace(POINTS, timesteps=timesteps), points())
        assert isinstance(model.transform, ndm.transforms.ScalingTransform) and model.transform.log_scale.shape == (
            expected,
            2,
        )
    options = {"num_functions": 5, "functions": "monomials"}
    functions = build_model(replace(POINTS, timesteps=3, transform_options=options), points()).transform.functions
    assert isinstance(functions, ndm.time_functions.Monomials) and functions.num == 5


def test_what_is_left_open_stays_open_in_the_configuration(tmp_path):
    """A run says what was asked for, so that the same command resumes it."""
    config = replace(POINTS, timesteps=3, max_steps=2)
    assert Trainer(config, points(), tmp_path).fit()
    written = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert all(written[name] is None for name in ("schedule", "predictor", "reverse_step"))
    assert "parameterisation" not in written["predictor_options"] and written["transform"] == "scaling"
    again = Trainer(replace(config, max_steps=3), points(), tmp_path)
    assert again.step == 2 and again.fit()


@pytest.mark.parametrize("reverse_step", ["mixture", "moments"])
@pytest.mark.parametrize("changes", [{"predictor": "plug_in"}, FREQUENCY], ids=["plug-in", "frequencies"])
@pytest.mark.parametrize("timesteps", [None, 4])
def test_steps_that_need_a_posterior_are_refused_without_one_when_the_model_is_built(reverse_step, changes, timesteps):
    with pytest.raises(InputError, match="a reverse step of posteriors") as error:
        build_model(replace(IMAGES, reverse_step=reverse_step, timesteps=timesteps, **changes), images())
    assert "--reverse-step learned" in error.value.on_command_line and "\n" not in str(error.value)


def test_data_and_tensors_are_each_others_inverse():
    for config, data in ((POINTS, points()), (IMAGES, images())):
        decoder = build_model(config, data).decoder
        x = data.train.x
        assert np.array_equal(decoder.to_raw(decoder.from_raw(x)), x)
        assert decoder.to_raw(decoder.from_raw(x)).dtype == x.dtype
        decoder.check(decoder.from_raw(x))


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


@pytest.mark.parametrize("name", ["learned", "analytic", "moments", "mixture"])
def test_a_reverse_step_lowers_the_bound_of_few_steps(tmp_path, name):
    config = replace(
        POINTS,
        timesteps=4,
        reverse_step=name,
        max_steps=80,
        batch_size=50,
        learning_rate=5e-3,
        log_every=40,
        save_every=100,
    )
    trainer = Trainer(config, points(), tmp_path)
    assert trainer.fit()
    model, x = trainer.ema.model, torch.from_numpy(points().validation.x)

    def total() -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return ndm.nelbo(model, x, timesteps=4, draws=64, generator=generator).total.mean()

    with_its_own = total()
    model.reverse_step = PosteriorReverseStep()
    assert with_its_own < total() - 0.1
    assert lines(tmp_path)[1]["total"] < lines(tmp_path)[0]["total"]


def test_bfloat16_stays_close_to_float32(tmp_path):
    """In one process after the other: two trainers do not get into each other's way."""
    totals = {}
    for precision in ("float32", "bf16"):
        trainer = Trainer(replace(IMAGES, precision=precision, max_steps=5), images(), tmp_path / precision)
        assert trainer.fit()
        totals[precision] = [line["total"] for line in lines(tmp_path / precision)]
        assert all(
            value.dtype in (torch.float32, torch.float64, torch.int64)
            for value in trainer.ema.model.state_dict().values()
        )
    assert totals["bf16"] != totals["float32"]
    assert totals["bf16"] == pytest.approx(totals["float32"], rel=0.005)
