"""A run that was stopped and started again is the run that was not."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import IMAGES, POINTS, content, images, lines, points, signal_at, tensors

from ndm.base.errors import InputError
from ndm.config import Config
from ndm.data import DataSet
from ndm.runs import checkpoint
from ndm.training.trainer import Trainer


def whole_and_parts(config: Config, data: DataSet, folder: Path, stop: int) -> tuple[Trainer, Trainer]:
    """The trainers of an unbroken run, folder/whole, and of one in two sittings, folder/parts."""
    whole = Trainer(config, data, folder / "whole")
    assert whole.fit()
    first = Trainer(config, data, folder / "parts")
    with signal_at(stop):
        assert not first.fit()
    assert stop <= first.step < config.max_steps
    second = Trainer(config, data, folder / "parts")
    assert second.step == first.step and second.seconds >= first.seconds
    assert second.fit() and second.step == config.max_steps
    return whole, second


@pytest.fixture(scope="module")
def two_sittings(tmp_path_factory) -> tuple[Path, Trainer, Trainer]:
    """A U-Net with dropout, importance sampling that has warmed up and cosine decay, stopped between checkpoints."""
    folder = tmp_path_factory.mktemp("runs")
    config = replace(IMAGES, max_steps=11, save_every=100, decay="cosine", time_sampler="importance")
    return folder, *whole_and_parts(config, images(), folder, stop=7)


def test_all_tensors_are_the_same_bit_for_bit(two_sittings):
    folder, whole, parts = two_sittings
    assert (whole.time_sampler.density() != 1).any()  # importance sampling was at work
    for ours, theirs in (
        (whole.raw_model, parts.raw_model),
        (whole.ema.model, parts.ema.model),
        (whole.time_sampler, parts.time_sampler),
    ):
        for name, value in ours.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[name]), name
    states = [trainer.optimizer.state_dict()["state"] for trainer in (whole, parts)]
    assert states[0] and states[0].keys() == states[1].keys()
    for index, state in states[0].items():
        assert all(torch.equal(value, states[1][index][name]) for name, value in state.items())
    assert tensors(folder / "parts") == tensors(folder / "whole")


def test_every_line_of_metrics_is_the_same(two_sittings):
    folder, *_ = two_sittings
    whole, parts = lines(folder / "whole"), lines(folder / "parts")
    assert [line["step"] for line in parts] == list(range(1, 12))
    for ours, theirs in zip(whole, parts, strict=True):
        assert theirs.keys() == ours.keys()
        for name in (
            "prior",
            "diffusion",
            "reconstruction",
            "gradient_norm",
            "learning_rate",
            "variance_ratio",
            "gamma_0",
            "gamma_1",
            "unit",
        ):
            assert theirs[name] == ours[name], (name, ours["step"])


def test_the_total_in_every_line_is_the_same(two_sittings):
    """What is shown must not depend on when the run was stopped."""
    folder, *_ = two_sittings
    assert [line["total"] for line in lines(folder / "parts")] == [line["total"] for line in lines(folder / "whole")]


def test_a_line_averages_over_all_steps_since_the_last_one(tmp_path):
    """Also where the run was stopped between two lines."""
    whole_and_parts(replace(POINTS, max_steps=8, log_every=4), points(), tmp_path, stop=1)
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")


def test_progress_is_the_same(two_sittings):
    folder, *_ = two_sittings
    progress = [json.loads((folder / name / "state" / "progress.json").read_text()) for name in ("whole", "parts")]
    assert [{"step": p["step"], "examples": p["examples"]} for p in progress] == [{"step": 11, "examples": 11 * 64}] * 2
    assert all(p["seconds"] > 0 for p in progress)


@pytest.mark.parametrize(
    "changes",
    [
        {"transform": "residual", "transform_options": {"width": 8, "depth": 1}},
        {"transform": "series"},
        {"volatility": "best"},
        {"volatility": "learned"},
        {"timesteps": 4},
        {"timesteps": 4, "reverse_step": "analytic"},
        {"timesteps": 4, "reverse_step": "learned"},
        {"timesteps": 4, "reverse_step": "moments"},
        {"decay": "constant", "time_sampler": "low_discrepancy"},
        {"schedule": "cosine"},
        {"optimizer": "muon"},
    ],
    ids=str,
)
def test_every_part_resumes(tmp_path, changes):
    whole_and_parts(replace(POINTS, **changes), points(), tmp_path, stop=3)
    assert tensors(tmp_path / "parts") == tensors(tmp_path / "whole")


def test_a_second_resume_and_a_stop_at_a_checkpoint(tmp_path):
    assert Trainer(POINTS, points(), tmp_path / "whole").fit()
    for stop in (1, 3):
        with signal_at(stop, signal.SIGTERM):
            assert not Trainer(POINTS, points(), tmp_path / "parts").fit()
    assert Trainer(POINTS, points(), tmp_path / "parts").fit()
    assert tensors(tmp_path / "parts") == tensors(tmp_path / "whole")


def test_a_second_signal_stops_at_once_and_handlers_come_back(tmp_path, monkeypatch):
    before, config = signal.getsignal(signal.SIGINT), replace(POINTS, log_every=100)
    trainer = Trainer(config, points(), tmp_path)
    norm = trainer.parallel.norm

    def impatient(*arguments):
        if trainer.step == 3:
            signal.raise_signal(signal.SIGINT)
        return norm(*arguments)

    monkeypatch.setattr(trainer.parallel, "norm", impatient)
    with signal_at(3), pytest.raises(KeyboardInterrupt):
        trainer.fit()
    assert signal.getsignal(signal.SIGINT) is before
    assert Trainer(config, points(), tmp_path).step == 2  # the checkpoint before


def test_lines_of_a_broken_run_go(tmp_path, monkeypatch):
    """Lines after the checkpoint, and one cut short, belong to steps that are trained again."""
    save = checkpoint.save

    def fails(run, step, write):
        if step == 4:
            raise OSError("no space left")
        return save(run, step, write)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", fails)
        with pytest.raises(OSError, match="no space"):
            Trainer(POINTS, points(), tmp_path).fit()
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4]
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "pri')
    trainer = Trainer(POINTS, points(), tmp_path)
    assert trainer.step == 2 and trainer.fit()
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_the_speed_is_that_of_this_sitting(tmp_path):
    """Steps of this sitting over seconds of this sitting, not of all."""
    assert Trainer(POINTS, points(), tmp_path).fit()
    trainer = Trainer(replace(POINTS, max_steps=8), points(), tmp_path)
    trainer.seconds = 1e6  # as if the sittings before had been long
    trainer.fit()
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["seconds"] > 1e6 and last["examples_per_second"] > 1


def test_the_budget_may_grow(tmp_path):
    assert Trainer(POINTS, points(), tmp_path).fit()
    longer = Trainer(replace(POINTS, max_steps=8, max_seconds=1000.0, log_every=2, save_every=3), points(), tmp_path)
    assert longer.step == 6 and longer.fit() and longer.step == 8
    assert "max_steps: 8" in (tmp_path / "config.yaml").read_text()


def test_a_finished_run_is_left_alone(tmp_path):
    config = replace(POINTS, max_steps=5)  # between two checkpoints
    assert Trainer(config, points(), tmp_path).fit()
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")}
    again = Trainer(config, points(), tmp_path)
    assert again.step == 5 and again.fit()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")} == written


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 1e-4),
        ("seed", 1),
        ("transform", "identity"),
        ("transform_options", {"num_functions": 9}),
        ("schedule", "linear"),
        ("batch_size", 8),
        ("ema_decay", 0.5),
        ("timesteps", 5),
        ("precision", "bf16"),
        ("betas", (0.5, 0.9)),
        ("time_sampler", "low_discrepancy"),
        ("decay", "constant"),
    ],
)
def test_any_other_change_is_refused_by_name(tmp_path, field, value):
    run = tmp_path / "run"
    Trainer(POINTS, points(), run).fit()
    before = content(run)
    with pytest.raises(InputError) as error:
        Trainer(replace(POINTS, **{field: value}), points(), run)
    assert re.search(rf"\({field}: [^;]+ is now [^;]+\).*choose another --run folder", str(error.value))
    assert content(run) == before


def test_other_data_are_refused(tmp_path):
    Trainer(POINTS, points(), tmp_path).fit()
    before = content(tmp_path)
    with pytest.raises(InputError, match="other data for the run"):
        Trainer(POINTS, points(seed=1), tmp_path)
    assert content(tmp_path) == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("words")
    with pytest.raises(InputError, match="exists and is not a run"):
        Trainer(POINTS, points(), tmp_path)
    with pytest.raises(InputError, match="exists and is not a run"):
        Trainer(POINTS, points(), tmp_path / "thesis.tex")
    with pytest.raises(InputError, match="cannot be made"):
        Trainer(POINTS, points(), tmp_path / "thesis.tex" / "run")
    assert content(tmp_path) == {tmp_path / "thesis.tex": b"words"}


def test_a_configuration_that_makes_no_model_makes_no_folder(tmp_path):
    for changes in (
        {"transform": "unheard"},
        {"reverse_step": "learned"},
        {"max_steps": None},
        {"predictor": "plug_in", "timesteps": 4, "reverse_step": "mixture"},
        {"volatility": "constant", "volatility_options": {"value": 0}},
    ):
        with pytest.raises(InputError):
            Trainer(replace(POINTS, **changes), points(), tmp_path / "run")
        assert not (tmp_path / "run").exists(), changes


def test_two_seeds_differ_and_one_seed_does_not(tmp_path):
    runs = {
        name: Trainer(replace(POINTS, seed=seed), points(), tmp_path / name)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    }
    for trainer in runs.values():
        np.random.seed(len(str(trainer.run)))  # the state of global generators plays no part
        torch.manual_seed(len(str(trainer.run)))
        trainer.fit()
    assert tensors(tmp_path / "a") == tensors(tmp_path / "b") != tensors(tmp_path / "c")
