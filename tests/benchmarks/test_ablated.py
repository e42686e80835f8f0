"""Ablations of training leave out what they say, and nothing else."""

from dataclasses import replace

import pytest
import torch
from small import JOB

from benchmarks.engine.contenders import TRAINERS
from benchmarks.engine.training import configuration
from ndm.bounds.bound import Bound
from ndm.data import load
from ndm.training.trainer import Trainer


def trainer_of(name: str, tmp_path, timesteps: int | None = 4, steps: int = 2) -> Trainer:
    job = replace(JOB, contender=name, seconds=None, steps=steps, timesteps=timesteps)
    return TRAINERS[name](configuration(job), load("moons"), tmp_path / "run")


@pytest.mark.parametrize("term", ["prior", "diffusion", "reconstruction"])
def test_a_term_that_is_left_out_has_no_gradient_and_is_reported(term, tmp_path):
    trainer = trainer_of(f"without_{term}", tmp_path)
    terms = {name: torch.rand(3, requires_grad=True) for name in ("prior", "diffusion", "reconstruction")}
    bound = Bound(**terms)
    objective = trainer.objective(bound)
    torch.testing.assert_close(objective, bound.total)
    objective.sum().backward()
    for name, value in terms.items():
        assert torch.equal(
            value.grad if value.grad is not None else torch.zeros(3), torch.full((3,), float(name != term))
        )


def test_alternating_training_moves_the_path_and_the_rest_in_turns(tmp_path):
    trainer = trainer_of("alternating", tmp_path, steps=200)

    def moved_at(step: int) -> set[str]:
        before = {name: value.clone() for name, value in trainer.raw_model.named_parameters()}
        trainer.step = step
        trainer._train_step(trainer.own_batch(trainer.step))
        return {
            name.partition(".")[0]
            for name, value in trainer.raw_model.named_parameters()
            if not torch.equal(value, before[name])
        }

    assert "transform" not in moved_at(0) and moved_at(60) == {"transform"} and "predictor" in moved_at(100)


def test_an_open_path_does_not_start_at_the_data(tmp_path):
    """For the averaged model that is evaluated, too; every other path does."""
    trainer = trainer_of("series_open", tmp_path, timesteps=None)
    assert trainer.fit()
    x, start = torch.from_numpy(load("moons").test.x[:50]), torch.zeros(())
    for model in (trainer.raw_model, trainer.ema.model):
        assert not torch.allclose(model.curve(x)(start), model.decoder.standardise(x), atol=1e-6)
    closed = Trainer(trainer.config, load("moons"), tmp_path / "closed")
    assert closed.fit()
    torch.testing.assert_close(closed.raw_model.curve(x)(start), closed.raw_model.decoder.standardise(x))
