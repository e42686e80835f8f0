"""Training with the kinetic energy in the objective."""

from dataclasses import replace

import pytest
import torch
from test_resume import whole_and_parts
from tiny import POINTS, lines, points, tensors

from ndm.base.errors import InputError
from ndm.training.trainer import Trainer

STRAIGHT = replace(POINTS, transform="series", transform_options={"width": 8}, volatility="random", kinetic_weight=2.0)


def test_it_adds_the_weighted_energy_to_the_gradient_of_the_path_alone(tmp_path) -> None:
    """After one step the path differs from that of the bound alone; the predictor does not."""
    weights = []
    for weight in (0.0, 2.0):
        config = replace(STRAIGHT, kinetic_weight=weight, max_steps=1, warmup_steps=0, clip=1e9, decay="constant")
        trainer = Trainer(config, points(), tmp_path / str(weight))
        trainer.fit()
        weights.append(trainer.raw_model.state_dict())
    same = {name for name, value in weights[0].items() if torch.equal(value, weights[1][name])}
    assert {name for name in weights[0] if name.startswith(("predictor.", "schedule."))} <= same
    assert any(name.startswith("transform.") and name not in same for name in weights[0])


def test_the_energy_is_among_the_metrics(tmp_path) -> None:
    Trainer(STRAIGHT, points(), tmp_path / "with").fit()
    assert all(line["kinetic"] < 100 for line in lines(tmp_path / "with"))
    Trainer(replace(STRAIGHT, kinetic_weight=0.0), points(), tmp_path / "without").fit()
    assert not any("kinetic" in line for line in lines(tmp_path / "without"))


def test_a_run_in_two_sittings_is_the_unbroken_one(tmp_path) -> None:
    whole_and_parts(STRAIGHT, points(), tmp_path, stop=3)
    assert tensors(tmp_path / "whole") == tensors(tmp_path / "parts")
    assert lines(tmp_path / "whole") == lines(tmp_path / "parts")


def test_an_energy_that_is_not_finite_is_named(tmp_path) -> None:
    trainer = Trainer(STRAIGHT, points(), tmp_path)
    with torch.no_grad():
        list(trainer.raw_model.predictor.parameters())[-1].fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="diffusion and kinetic term is not finite at step 0"):
        trainer.fit()


def test_a_norm_that_overflows_is_named(tmp_path) -> None:
    with pytest.raises(FloatingPointError, match="the norm of the gradient is not finite at step"):
        Trainer(replace(STRAIGHT, kinetic_weight=1e30), points(), tmp_path).fit()


def test_what_cannot_be_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="a learned F"):
        Trainer(replace(POINTS, transform="identity", kinetic_weight=1.0), points(), tmp_path)
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="kinetic_weight"):
            Trainer(replace(STRAIGHT, kinetic_weight=weight), points(), tmp_path)
