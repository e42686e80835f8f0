"""Averages whose length is chosen afterwards: kept while training, whatever stops it, and made of snapshots."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import POINTS, content, points, signal_at, tensors

from ndm.base.errors import InputError
from ndm.runs import checkpoint
from ndm.runs.run import open_run
from ndm.runs.writing import SavingError, write_folder
from ndm.training.averages import power as averages
from ndm.training.averages.power import Profiles, averaged, kept, of_length, snapshots, spacing
from ndm.training.averages.running import ExponentialMovingAverage, PowerAverages
from ndm.training.trainer import Trainer

LENGTHS = (0.05, 0.1)
CONFIG = replace(POINTS, max_steps=12, average_lengths=LENGTHS, volatility="best", log_every=100, validate_every=0)


def files(run: Path) -> dict[str, bytes]:
    """The tensors of all snapshots; progress.json holds seconds."""
    return {str(path.relative_to(run)): path.read_bytes() for path in (run / "averages").glob("*/*.safetensors")}


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> tuple[Path, list[dict[str, torch.Tensor]]]:
    """A run, and its weights after every step in float64."""
    folder, weights = tmp_path_factory.mktemp("history") / "run", []
    update = ExponentialMovingAverage.update

    def noted(ema, model, step):
        weights.append({name: value.detach().double().clone() for name, value in model.named_parameters()})
        update(ema, model, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExponentialMovingAverage, "update", noted)
        assert Trainer(CONFIG, points(), folder).fit()
    assert len(weights) == 12
    return folder, weights


def average(weights: list[dict[str, torch.Tensor]], length: float) -> dict[str, torch.Tensor]:
    """By its formula, in float64."""
    found = dict.fromkeys(weights[0], torch.zeros(()))
    for step, now in enumerate(weights, 1):
        b = kept(length, step)
        found = {name: b * found[name] + (1 - b) * value for name, value in now.items()}
    return found


@pytest.mark.parametrize("step", [2, 8, 12])
def test_a_snapshot_holds_the_running_averages_of_its_step(history, step):
    run, weights = history
    state = load_file(run / "averages" / f"{step:08d}" / "averages.safetensors")
    for length in LENGTHS:
        found = of_length(length, state)
        for name, expected in average(weights[:step], length).items():
            torch.testing.assert_close(found[name].double(), expected, rtol=1e-5, atol=1e-6)


def test_running_estimates_are_copied(history):
    run, _ = history
    weights = load_file(run / "state" / "weights.safetensors")
    state = of_length(0.05, load_file(run / "state" / "averages.safetensors"))
    model = open_run(run).model
    buffers = model.state_dict().keys() - dict(model.named_parameters()).keys()
    assert buffers and all(torch.equal(state[name], weights[name]) for name in buffers)


@pytest.mark.parametrize("step", [12, 8])
def test_an_average_of_another_length_is_the_one_that_would_have_run(history, step):
    """Up to the error of its profile: less than one per cent of how far the weights have gone."""
    run, weights = history
    found = snapshots(run)[: step // 2]
    model = open_run(run).model
    lengths = [0.05, 0.07, 0.12]
    for length, (state, error) in zip(lengths, averaged(found, list(LENGTHS), lengths, model), strict=True):
        assert error < 0.04 and (error < 1e-6 or length != 0.05)
        for name, expected in average(weights[:step], length).items():
            moved = max(float((now[name] - expected).abs().max()) for now in weights[:step])
            assert float((state[name].double() - expected).abs().max()) <= 0.01 * moved + 1e-5, (name, length)
        model.load_state_dict(state)


def test_it_is_the_sum_that_the_profiles_say(history):
    run, _ = history
    found, model = snapshots(run), open_run(run).model
    ends = [int(path.name) for path in found for _ in LENGTHS]
    weights, _ = Profiles.of(ends, list(LENGTHS) * len(found)).weights(Profiles.of([12], [0.2]))
    ((state, _),) = averaged(found, list(LENGTHS), [0.2], model)
    name = next(name for name, _ in model.named_parameters())
    stored = [
        of_length(length, load_file(path / "averages.safetensors"))[name].double()
        for path in found
        for length in LENGTHS
    ]
    expected = sum(weight * value for weight, value in zip(weights[:, 0], stored, strict=True))
    torch.testing.assert_close(state[name].double(), expected, rtol=1e-6, atol=1e-7)


def test_a_run_with_averages_is_otherwise_the_run_without(history, tmp_path):
    assert Trainer(replace(CONFIG, average_lengths=()), points(), tmp_path).fit()
    assert not (tmp_path / "averages").exists()
    ours, theirs = tensors(history[0]), tensors(tmp_path)
    assert ours.keys() - theirs.keys() == {"state/averages.safetensors"}
    assert all(ours[name] == value for name, value in theirs.items())


def test_a_run_in_parts_ends_with_the_same_averages(history, tmp_path):
    for stop in (3, 4, 9):  # between snapshots, whose own is left out again, and at one
        with signal_at(stop):
            assert not Trainer(CONFIG, points(), tmp_path).fit()
    assert Trainer(CONFIG, points(), tmp_path).fit()
    assert files(tmp_path) == files(history[0]) and tensors(tmp_path) == tensors(history[0])


@pytest.mark.parametrize("steps", [6, 12], ids=["goes on", "is finished"])
def test_a_crash_between_checkpoint_and_snapshot_loses_none(history, tmp_path, steps):
    short = replace(CONFIG, decay="constant")
    assert Trainer(short, points(), tmp_path / "whole").fit()
    run = tmp_path / "run"
    assert Trainer(replace(short, max_steps=steps), points(), run).fit()
    shutil.rmtree(run / "averages" / f"{steps:08d}")
    assert Trainer(short, points(), run).fit()
    assert files(run) == files(tmp_path / "whole")


def test_snapshots_after_the_checkpoint_that_is_gone_back_to_are_made_anew(history, tmp_path):
    run = Path(shutil.copytree(history[0], tmp_path / "run", symlinks=True))
    shutil.rmtree(run / "checkpoints" / "00000012")
    stale = run / "averages" / "00000012" / "averages.safetensors"
    stale.write_bytes(b"damaged as the checkpoint was")
    assert Trainer(CONFIG, points(), run).fit()
    assert files(run) == files(history[0])


def test_a_run_that_kept_none_cannot_begin_to(tmp_path):
    assert Trainer(replace(CONFIG, max_steps=2, average_lengths=()), points(), tmp_path).fit()
    with pytest.raises(InputError, match="average_lengths"):
        Trainer(CONFIG, points(), tmp_path)


@pytest.mark.parametrize("lengths", [(0.0,), (0.5,), (float("nan"),), (0.05, 0.05)])
def test_lengths_that_cannot_be_are_refused(tmp_path, lengths):
    with pytest.raises(InputError, match="length"):
        Trainer(replace(CONFIG, average_lengths=lengths), points(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def fake_checkpoint(run: Path, step: int) -> int:
    """Its step."""

    def write(temporary: Path) -> None:
        (temporary / "state").mkdir()
        for name in ("averages.safetensors", "time_sampler.safetensors", "progress.json"):
            (temporary / "state" / name).write_text(f"{name} of {step}")

    write_folder(checkpoint.of_step(run, step), write)
    return step


@pytest.mark.parametrize(("last", "every"), [(10, 10), (640, 10), (650, 10), (2570, 10), (90, 1)])
def test_few_snapshots_are_enough_and_which_follows_from_the_step(tmp_path, last, every):
    """One that was stopped in between has no others."""
    keeper = PowerAverages(torch.nn.Linear(1, 1), LENGTHS)
    for run, odd in ((tmp_path / "straight", []), (tmp_path / "stopped", [7, 13, 333, 334, 701])):
        for step in sorted({*range(every, last + 1, every), *(step for step in odd if step < last)}):
            keeper.keep(run, fake_checkpoint(run, step), every)
    straight, stopped = ([int(path.name) for path in snapshots(tmp_path / run)] for run in ("straight", "stopped"))
    distance = spacing(last, every)
    assert straight == stopped == sorted({*range(distance, last, distance), last})
    assert len(straight) <= 65 and (distance == every or len(straight) >= 33)


def full(*_) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_without_room_for_a_snapshot_loses_nothing(history, tmp_path, monkeypatch):
    short = replace(CONFIG, max_steps=4, decay="constant")
    assert Trainer(short, points(), tmp_path / "run").fit()
    assert Trainer(replace(short, max_steps=12), points(), tmp_path / "whole").fit()
    before = content(tmp_path / "run" / "averages")
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        patch.setattr(averages.shutil, "copyfile", full)
        with pytest.raises(SavingError, match=r"the averages of step 6 .* cannot be written \(No space left on device"):
            trainer = Trainer(replace(short, max_steps=12), points(), tmp_path / "run")
            patch.setattr(trainer.averages, "keep", later(trainer.averages.keep, 6))
            trainer.fit()
    assert content(tmp_path / "run" / "averages") == before
    assert checkpoint.latest(tmp_path / "run").name == "00000006"
    assert Trainer(replace(short, max_steps=12), points(), tmp_path / "run").fit()
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def later(keep, step: int):
    """keep, from a step on."""
    return lambda run, last, every: keep(run, last, every) if last >= step else None


def test_where_files_cannot_be_linked_they_are_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", full)
    keeper = PowerAverages(torch.nn.Linear(1, 1), LENGTHS)
    keeper.keep(tmp_path, fake_checkpoint(tmp_path, 5), 5)
    assert (tmp_path / "averages" / "00000005" / "averages.safetensors").read_text() == "averages.safetensors of 5"


@pytest.mark.parametrize("damage", ["altered", "truncated", "missing"])
def test_a_damaged_snapshot_is_named_and_the_advice_works(history, tmp_path, damage):
    run = Path(shutil.copytree(history[0], tmp_path / "run", symlinks=True))
    path = run / "averages" / "00000006" / "averages.safetensors"
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] if damage == "truncated" else whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    model = open_run(run).model
    with pytest.raises(InputError) as error:
        averaged(snapshots(run), list(LENGTHS), [0.07], model)
    assert str(path) in error.value.got and f"delete {path.parent}" in error.value.advice
    shutil.rmtree(path.parent)
    ((state, profile),) = averaged(snapshots(run), list(LENGTHS), [0.07], model)
    assert profile < 0.05 and all(np.isfinite(value.numpy()).all() for value in state.values())
