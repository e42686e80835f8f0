"""Training that goes wrong says so and leaves what is needed to see why."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import IMAGES, POINTS, images, points

from ndm.base.errors import InputError
from ndm.training.trainer import Trainer


@pytest.mark.parametrize(("config", "data"), [(POINTS, points()), (IMAGES, images())], ids=["points", "images"])
def test_a_loss_that_is_not_finite_stops_with_step_term_and_batch(tmp_path, config, data):
    trainer = Trainer(config, data, tmp_path)
    trainer.fit()
    longer = Trainer(replace(config, max_steps=9), data, tmp_path)
    with torch.no_grad():
        list(longer.raw_model.predictor.parameters())[-1].fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="the diffusion term is not finite at step 6") as error:
        longer.fit()
    path = tmp_path / "failure-00000006.npz"
    assert str(path) in str(error.value)
    with np.load(path) as saved:
        assert np.array_equal(saved["x"], longer.batch(6)["x"].numpy())
    assert Trainer(config, data, tmp_path).step == 6  # the last good checkpoint


def test_a_gradient_that_is_not_finite_stops_before_the_weights_take_it(tmp_path):
    trainer = Trainer(replace(POINTS, max_steps=2), points(), tmp_path)
    next(trainer.raw_model.predictor.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer.fit()
    assert all(value.isfinite().all() for value in trainer.raw_model.state_dict().values())


def test_no_checkpoint_ever_holds_what_is_not_finite(tmp_path):
    trainer = Trainer(replace(POINTS, max_steps=1), points(), tmp_path)
    next(trainer.raw_model.predictor.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    with contextlib.suppress(FloatingPointError):
        trainer.fit()
    for path in tmp_path.rglob("*.safetensors"):
        assert all(value.isfinite().all() for value in load_file(path).values()), path.name


def collapse(trainer: Trainer) -> None:
    """F(x, t) = exp(-12 t) x: hardly anything of the data is left at t = 1/2."""
    log_scale = trainer.raw_model.transform.log_scale
    with torch.no_grad():
        log_scale.copy_(torch.linspace(0, -12, len(log_scale) + 1)[1:, None].expand_as(log_scale))


def test_a_transformation_that_collapses_is_noticed(tmp_path):
    trainer = Trainer(POINTS, points(), tmp_path)
    collapse(trainer)
    with pytest.warns(UserWarning, match=r"F has collapsed: Var F / Var x = .* step \d$"):
        trainer.fit()


def test_a_transformation_that_does_not_is_left_in_peace(tmp_path, capsys):
    Trainer(POINTS, points(), tmp_path).fit()
    assert "collapsed" not in capsys.readouterr().err


def test_a_schedule_that_learns_noise_that_rounding_swallows_stops_the_run(tmp_path):
    """At the next line of metrics, by the rule that evaluation has; the checkpoints before it stay."""
    trainer = Trainer(replace(POINTS, log_every=3), points(), tmp_path)
    step = trainer._train_step

    def sink(pieces):
        if trainer.step == 4:
            with torch.no_grad():
                trainer.raw_model.schedule.gamma_0.fill_(-40.0)
        return step(pieces)

    trainer._train_step = sink
    with pytest.raises(InputError, match=r"gamma = -40.* in float32, as the schedule has learned it; .* repeat"):
        trainer.fit()
    assert trainer.step == 6 and Trainer(POINTS, points(), tmp_path).step == 4


@pytest.mark.parametrize("schedule", ["linear", "cosine", "learned", "learned_linear"])
def test_a_schedule_that_starts_with_such_noise_starts_no_run(tmp_path, schedule):
    options = {"gamma_min": -40.0, "gamma_max": 5.0}
    with pytest.raises(InputError, match=r"noise of 2\.1e-09 .* in float32; expected at least"):
        Trainer(replace(POINTS, schedule=schedule, schedule_options=options), points(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
