"""Starts from a trained model: what is taken by part, name and shape, what is not, and the settings it gives."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from ndm.base.axes import PREDICTORS, SCHEDULES, TRANSFORMS
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.config import Config
from ndm.data import DataSet, Split
from ndm.model import NeuralDiffusion
from ndm.parts.decoders.gaussian import GaussianDecoder
from ndm.parts.options import settings_of
from ndm.training.source import begin, matched, settings_from
from ndm.training.start import new_model
from ndm.training.trainer import Trainer


def perturbed(model: NeuralDiffusion) -> NeuralDiffusion:
    """The model with other weights than a new one has."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight))
    return model


def renamed(data: DataSet, names: tuple[str, ...]) -> DataSet:
    """The data with other names of as many classes."""
    return replace(data, classes=names)


@pytest.mark.parametrize(
    "transform, options",
    [
        ("identity", {}),
        ("scaling", {"num_functions": 3, "lead": 1.5}),
        ("series", {"num_functions": 2, "width": 12, "functions": "monomials"}),
        ("residual", {"network": "mlp", "width": 8, "depth": 1, "gate": "variance"}),
    ],
)
@pytest.mark.parametrize("predictor", ["direct", "plug_in"])
@pytest.mark.parametrize("timesteps", [None, 4])
def test_settings_read_back_make_a_like_model(transform, options, predictor, timesteps):
    spec = Spec((2,), None, 0, timesteps)

    def made(settings: dict) -> NeuralDiffusion:
        path = TRANSFORMS.make(settings["transform"], spec, settings["transform_options"])
        return NeuralDiffusion(
            SCHEDULES.make(settings["schedule"], spec, settings["schedule_options"]),
            path,
            PREDICTORS.make(settings["predictor"], spec, settings["predictor_options"], transform=path),
            GaussianDecoder(),
        )

    network = {"network": "mlp", "width": 16, "depth": 2, "parameterisation": "gaussian_mixture"}
    model = made(
        {
            "schedule": "learned",
            "schedule_options": {"gamma_min": -9.0, "num_pieces": 5},
            "transform": transform,
            "transform_options": options,
            "predictor": predictor,
            "predictor_options": network | {"parameterisation_options": {"num_components": 3}},
        }
    )
    again = made(settings_of(model))
    for part in ("schedule", "transform", "predictor"):
        assert getattr(again, part).config == getattr(model, part).config


def test_the_same_model_is_taken_whole():
    data = tiny.images()
    source = perturbed(new_model(tiny.IMAGES, data))
    model = new_model(tiny.IMAGES, data)
    taken, lines = matched(source, model, is_same=True)
    assert lines == [] and taken.keys() == model.state_dict().keys()
    assert all(torch.equal(taken[key], value) for key, value in source.state_dict().items())


def test_what_is_fitted_to_the_data_is_not_taken_for_other_data():
    config = replace(tiny.IMAGES, predictor_options=tiny.IMAGES.predictor_options | {"parameterisation": "categorical"})
    source, model = perturbed(new_model(config, tiny.images())), new_model(config, tiny.images(seed=1))
    taken, lines = matched(source, model, is_same=False)
    assert lines == ["predictor.parameterisation: fitted to the data here"]
    left = model.state_dict().keys() - taken.keys()
    assert left == {key for key in model.state_dict() if key.startswith("predictor.parameterisation.")} != set()


def test_other_numbers_of_levels_are_those_of_the_data():
    few, more = tiny.images(), replace(tiny.images(), num_levels=19)
    config = replace(tiny.IMAGES, predictor_options=tiny.IMAGES.predictor_options | {"parameterisation": "categorical"})
    source, model = perturbed(new_model(config, few)), new_model(config, more)
    taken, lines = matched(source, model, is_same=False)
    assert lines == ["predictor.parameterisation: fitted to the data here"]
    assert model.predictor.parameterisation.theta.shape[-1] == 19 and "predictor.parameterisation.theta" not in taken


def test_tensors_of_another_shape_start_anew_and_are_said_with_both_shapes():
    grey = tiny.images()
    colour = replace(
        grey, **{part: Split(np.repeat(grey.split(part).x, 3, 1)) for part in ("train", "validation", "test")}
    )
    source, model = perturbed(new_model(tiny.IMAGES, grey)), new_model(tiny.IMAGES, colour)
    taken, lines = matched(source, model, is_same=False)
    (line,) = [line for line in lines if line.startswith("predictor.network: ")]
    assert "enter.weight (8, 1, 3, 3) there, (8, 3, 3, 3) here" in line and line.count("there, ") == 3
    assert "predictor.network.enter.bias" in taken and "predictor.network.enter.weight" not in taken
    assert "transform: 1 of 1 tensors start anew: log_scale (4, 1, 8, 8) there, (4, 3, 8, 8) here" in lines


def test_classes_are_matched_by_name():
    data = tiny.labelled()
    source = perturbed(new_model(tiny.LABELLED, data))
    model = new_model(tiny.LABELLED, renamed(data, ("cow", "ant", "dog")))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    taken, lines = matched(source, model, is_same=False)
    assert lines == ["condition: class dog start anew; class bee of the source are left out"]
    keys = [key for key in taken if key.endswith("rows.weight")]
    assert len(keys) == 2  # the network's, and the transform's
    for key in keys:
        there = source.state_dict()[key]
        assert torch.equal(taken[key][[0, 1, 3]], there[[2, 0, 3]])  # cow, ant, and no class
        assert torch.equal(taken[key][2], before[key][2])


def test_values_are_matched_by_name():
    data = tiny.measured()
    swapped = replace(
        data,
        condition=("height", "weight"),
        **{
            part: Split(data.split(part).x, cond=data.split(part).cond[:, ::-1])
            for part in ("train", "validation", "test")
        },
    )
    source = perturbed(new_model(tiny.MEASURED, data))
    model = new_model(replace(tiny.MEASURED, condition=("height", "weight")), swapped)
    taken, lines = matched(source, model, is_same=False)
    assert lines == ["condition: weight start anew; age of the source are left out"]
    keys = [key for key in taken if key.endswith("condition.enter.weight")]
    assert keys
    for key in keys:
        assert torch.equal(taken[key][:, 0], source.state_dict()[key][:, 1])
        assert torch.equal(taken[key][:, 1], model.state_dict()[key][:, 1])


def test_the_decoder_is_that_of_the_data():
    config, data = tiny.POINTS, tiny.points()
    moved = replace(data, **{part: Split(10 * data.split(part).x + 3) for part in ("train", "validation", "test")})
    source, model = new_model(config, data), new_model(config, moved)
    loc = model.decoder.loc.clone()
    with torch.no_grad():
        for key, value in matched(source, model, is_same=False)[0].items():
            model.state_dict()[key].copy_(value)
    assert torch.equal(model.decoder.loc, loc) and not torch.equal(loc, source.decoder.loc)


@pytest.fixture
def run(tmp_path):
    """A run on points, and its configuration."""
    Trainer(tiny.POINTS, tiny.points(), tmp_path / "run").fit()
    return tmp_path / "run"


def test_a_network_of_another_class_is_refused_in_one_line(tmp_path):
    data = tiny.images()
    Trainer(replace(tiny.IMAGES, max_steps=2), data, tmp_path / "run").fit()
    settings = settings_from(str(tmp_path / "run"), data, {}, tmp_path / "new")
    config = replace(tiny.IMAGES, **settings | {"predictor_options": {"network": "mlp", "width": 8, "depth": 1}})
    with pytest.raises(
        InputError, match=r"nothing fits the predictor .*predictor.network: UNet there, MLP here"
    ) as error:
        begin(new_model(config, data), config, data)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"events of shape \(1, 8, 8\), for points of shape \(2,\)") as error:
        settings_from(str(tmp_path / "run"), tiny.points(), {}, tmp_path / "new")


def test_weights_that_have_changed_are_refused(run):
    settings = settings_from(str(run), tiny.points(), {}, run.parent / "new")
    config = replace(tiny.POINTS, **settings | {"from_weights": "0" * 64})
    with pytest.raises(InputError, match="whose weights have changed"):
        begin(new_model(config, tiny.points()), config, tiny.points())
    with pytest.raises(InputError, match="both or neither"):
        Config(from_model=str(run)).check()


def test_at_another_number_of_steps_the_network_alone_gives_its_options(run):
    new = run.parent / "new"
    whole = settings_from(str(run), tiny.points(), {}, new)
    assert whole["predictor_options"]["width"] == 16 and whole["transform"] == "scaling" and whole["timesteps"] is None
    network = settings_from(str(run), tiny.points(), {"timesteps": 4}, new)
    assert network.keys() == {"predictor_options", "from_model", "from_weights"}
    assert network["predictor_options"] == {"network": "mlp", "width": 16, "depth": 1}
    named = settings_from(str(run), tiny.points(), {}, new, has_recipe=True)
    assert named.keys() == {"from_model", "from_weights"}


def test_a_run_begins_with_the_averaged_weights_of_its_source(run):
    settings = settings_from(str(run), tiny.points(), {}, run.parent / "new")
    config = replace(tiny.POINTS, **settings)
    trainer = Trainer(config, tiny.points(), run.parent / "new")
    source = NeuralDiffusion.from_pretrained(run / "model")
    for model in (trainer.raw_model, trainer.ema.model):
        for key, value in model.state_dict().items():
            assert torch.equal(value.cpu(), source.state_dict()[key]), key
    assert not trainer.optimizer.state and trainer.begun[0].startswith(f"from {run} (sha256 ")
    assert np.isfinite(trainer.fit())
