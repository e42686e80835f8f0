"""The pace of a training: measured without a trace, and kept in the user's folder of caches."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import IMAGES, LABELLED, POINTS, images, labelled, points

from ndm.config import Config
from ndm.data import DataSet
from ndm.training import pace
from ndm.training.build import build_model
from ndm.training.pace import TrialStep, forecast_failed, measure, seconds_per_step


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The file of paces, in a new folder of caches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches" / "ndm" / "pace.json"


@pytest.fixture
def measured(monkeypatch) -> list[Config]:
    """What was measured; it takes an eighth of a second."""
    found: list[Config] = []
    monkeypatch.setattr(pace, "measure", lambda config, data, number: found.append(config) or 0.125)
    return found


CASES = {
    "points": (POINTS, points()),
    "images": (replace(IMAGES, batch_size=8), images()),
    "classes": (LABELLED, labelled()),
    "a chain with an energy, in slices": (
        replace(POINTS, timesteps=3, kinetic_weight=0.1, accumulate=2, average_lengths=(0.1,)),
        points(),
    ),
    "checkpointed, in bfloat16": (replace(IMAGES, batch_size=8, checkpointing=True, precision="bf16"), images()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_trial_step_trains_all_that_a_step_trains(name):
    config, data = CASES[name]
    model = build_model(config, data)
    before = {key: value.clone() for key, value in model.named_parameters()}
    step = TrialStep(model, replace(config, warmup_steps=0), data)
    step(), step()
    with_gradient = [key for key, value in model.named_parameters() if value.grad is not None and value.grad.any()]
    assert len(with_gradient) > len(before) // 2
    assert all(not torch.equal(before[key], dict(model.named_parameters())[key]) for key in with_gradient)
    for average in (step.ema, *step.averages.running):
        assert any(not torch.equal(before[key], value) for key, value in average.model.named_parameters())
    assert sum(part.number for part in step.slices) == config.batch_size


def test_each_of_several_processes_has_its_share():
    step = TrialStep(build_model(POINTS, points()), POINTS, points(), number=4)
    assert [(part.number, part.total) for part in step.slices] == [(4, 16)] and len(step.pieces[0][0]) == 4


def test_a_measure_leaves_threads_and_seeds_as_they_are():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    assert 0 < measure(replace(POINTS, threads=2), points()) < math.inf
    assert torch.get_num_threads() == 1 and torch.equal(torch.rand(3), expected)


def test_slow_steps_are_few_and_fast_steps_have_a_median(monkeypatch):
    step = TrialStep(build_model(POINTS, points()), POINTS, points())
    for times, expected, number in (
        ([5.0, 3.0], 3.0, 2),
        ([0.3, 0.3, 0.3, 0.3], 0.3, 4),
        ([6.0, 3.0], 6.0, 1),
        ([9e-3, 9e-3, *(k * 1e-3 for k in range(6))], 2.5e-3, 8),
    ):
        left = iter(times)
        monkeypatch.setattr(step, "_timed", lambda left=left: next(left))
        assert step.seconds() == pytest.approx(expected) and len(times) - len(list(left)) == number


def other(config: Config = POINTS, data: DataSet | None = None, number: int = 1) -> tuple[Config, DataSet, int]:
    return config, data or points(), number


def test_what_is_measured_is_announced(cache, measured):
    said: list[str] = []
    for _ in range(2):
        seconds_per_step(*other(), lambda: said.append("measuring"))
    assert said == ["measuring"]


@pytest.mark.parametrize(("taken", "holds"), [(0.125, True), (0.18, True), (0.19, False), (0.09, True), (0.08, False)])
def test_a_forecast_that_failed_is_said_and_forgotten(cache, measured, taken, holds):
    seconds_per_step(*other())
    said = forecast_failed(0.125, taken)
    assert cache.exists() is (said is None) is holds
    assert said is None or f"a step took {1e3 * taken:.3g} ms where 125 ms had been measured" in said
    seconds_per_step(*other())
    assert len(measured) == 1 + (not holds)


def test_what_was_measured_is_not_measured_again(cache, measured):
    assert seconds_per_step(*other()) == seconds_per_step(*other()) == 0.125 and len(measured) == 1
    same = replace(POINTS, learning_rate=0.5, max_seconds=9.0, seed=3, ema_decay=0.5, validate_every=1)
    assert seconds_per_step(*other(same)) == 0.125 and len(measured) == 1
    for number, words in enumerate(
        (
            other(replace(POINTS, batch_size=32)),
            other(replace(POINTS, threads=2)),
            other(replace(POINTS, precision="bf16")),
            other(replace(POINTS, timesteps=4)),
            other(replace(POINTS, predictor_options={"width": 32})),
            other(data=images()),
            other(number=2),
        ),
        start=2,
    ):
        assert seconds_per_step(*words) == 0.125 and len(measured) == number
    assert len(json.loads(cache.read_text())) == len(measured)


def test_another_version_or_device_is_measured(cache, measured, monkeypatch):
    seconds_per_step(*other())
    for name, value in (("__version__", "9"), ("device", lambda: "another")):
        monkeypatch.setattr(pace, name, value)
        seconds_per_step(*other())
    assert len(measured) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"KEY": "fast"}', '{"KEY": -1.0}', '{"KEY": NaN}', "\udcff"])
def test_a_damaged_cache_is_measured_again_and_mended(cache, measured, text):
    seconds_per_step(*other())
    (key,) = json.loads(cache.read_text())
    cache.write_bytes(text.replace("KEY", key).encode(errors="surrogateescape"))
    assert seconds_per_step(*other()) == 0.125 and len(measured) == 2
    assert json.loads(cache.read_text()) == {key: 0.125}


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path, measured, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert seconds_per_step(*other()) == 0.125 == seconds_per_step(*other()) and len(measured) == 2
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert seconds_per_step(*other()) == 0.125 and len(measured) == 3


def test_the_oldest_are_dropped(cache, measured, monkeypatch):
    monkeypatch.setattr(pace, "_MOST_KEPT", 2)
    for size in (16, 32, 64):
        seconds_per_step(*other(replace(POINTS, batch_size=size)))
    seconds_per_step(*other(replace(POINTS, batch_size=64)))
    assert len(measured) == 3 and len(json.loads(cache.read_text())) == 2
    seconds_per_step(*other(replace(POINTS, batch_size=16)))
    assert len(measured) == 4
