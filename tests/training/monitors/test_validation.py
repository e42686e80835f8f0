"""Validation on a schedule: the best is kept, patience ends, and neither changes what is trained."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiny import IMAGES, POINTS, images, lines, points, signal_at, tensors

from ndm.base.errors import InputError
from ndm.bounds.nelbo import nelbo
from ndm.config import read_yaml
from ndm.runs import checkpoint
from ndm.runs.run import open_run
from ndm.training.calendar import Calendar
from ndm.training.monitors.validation import Validation
from ndm.training.trainer import Trainer


def scripted(monkeypatch, values: dict[int, float]) -> None:
    """Validations whose values are `values` by step."""
    monkeypatch.setattr(Calendar, "validation", lambda calendar, step: step in values)
    monkeypatch.setattr(Validation, "measure", lambda validation, step, model: values[step])


def steps(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_the_best_is_kept_beside_the_last_two(tmp_path, monkeypatch):
    scripted(monkeypatch, {1: 3.0, 3: 1.0, 5: 2.0})
    assert Trainer(replace(POINTS, max_steps=10), points(), tmp_path).fit()
    assert steps(tmp_path) == ["00000003", "00000008", "00000010"]
    assert checkpoint.best(tmp_path).name == "00000003" and not (tmp_path / "best").readlink().is_absolute()
    assert open_run(tmp_path, "best").progress["step"] == 3 and open_run(tmp_path).progress["step"] == 10


def test_a_new_best_lets_the_old_one_go(tmp_path, monkeypatch):
    scripted(monkeypatch, {1: 3.0, 7: 1.0})
    assert Trainer(replace(POINTS, max_steps=10), points(), tmp_path).fit()
    assert steps(tmp_path) == ["00000007", "00000008", "00000010"]


def test_patience_ends_a_run_and_counts_over_sittings(tmp_path, monkeypatch):
    scripted(monkeypatch, {2: 1.0, 4: 2.0, 6: 1.5, 8: 0.5})
    config = replace(POINTS, max_steps=10, patience=2)
    first = Trainer(config, points(), tmp_path)
    with signal_at(4):
        assert not first.fit()
    second = Trainer(config, points(), tmp_path)
    assert second.fit() and second.step == 6 and second.validation.best_step == 2
    third = Trainer(config, points(), tmp_path)
    assert third.fit() and third.step == 6  # it has ended, and stays so
    assert Trainer(replace(config, patience=3), points(), tmp_path).fit()  # more patience may be given


def test_the_value_is_the_bound_of_the_averaged_weights_and_does_not_change_the_run(tmp_path):
    validated = Trainer(replace(IMAGES, max_steps=4, validate_every=2, validation_limit=8), images(), tmp_path / "a")
    assert validated.fit() and Trainer(replace(IMAGES, max_steps=4), images(), tmp_path / "b").fit()
    assert tensors(tmp_path / "a") == tensors(tmp_path / "b")
    values = {line["step"]: line["validation"] for line in lines(tmp_path / "a") if "validation" in line}
    assert list(values) == [2, 4] and values[4] == validated.validation.value
    run = open_run(tmp_path / "a")
    exact = nelbo(run.model, run_examples(run), draws=256)
    bits = float(exact.total.mean()) / (64 * 0.6931471805599453)
    error = float(exact.standard_error.mean()) * 8 / (64 * 0.6931471805599453)
    assert abs(values[4] - bits) < 4 * error


def run_examples(run):
    data = images()
    return run.examples(data, "validation")[0][:8]


def test_a_crash_between_a_checkpoint_and_its_link_is_mended(tmp_path):
    config = replace(POINTS, validate_every=6)
    assert Trainer(config, points(), tmp_path).fit()
    (tmp_path / "best").unlink()
    assert Trainer(config, points(), tmp_path).fit()
    assert checkpoint.best(tmp_path).name == "00000006"


def test_schedules_may_change_and_patience_needs_one(tmp_path):
    assert Trainer(POINTS, points(), tmp_path).fit()
    changed = replace(POINTS, max_steps=7, validate_every=1, validation_limit=3, patience=9, pictures_every=5)
    assert Trainer(changed, points(), tmp_path).fit()
    assert read_yaml(tmp_path / "config.yaml")["patience"] == 9
    with pytest.raises(InputError, match="without validation"):
        replace(POINTS, validate_every=0, patience=2).check()


def test_a_run_that_was_not_validated_has_no_best(tmp_path):
    assert Trainer(POINTS, points(), tmp_path).fit()
    with pytest.raises(InputError, match="not validated"):
        open_run(tmp_path, "best")
