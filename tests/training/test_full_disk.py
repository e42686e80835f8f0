"""A disk that is full, or a folder that cannot be written: said in a line, and nothing already saved is lost."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from tiny import POINTS, content, points

from ndm.base.errors import InputError, SavingError
from ndm.cli import main
from ndm.runs import checkpoint
from ndm.training import state
from ndm.training.trainer import Trainer

LONGER = replace(POINTS, max_steps=8, log_every=100, validate_every=8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert Trainer(replace(POINTS, validate_every=2), points(), folder).fit()
    return folder


class Disk:
    """It has room for `left` operations, and then no more."""

    def __init__(self, left: int) -> None:
        self.left, self.full = left, False

    def takes(self, function):
        def counted(*arguments, **options):
            self.left -= 1
            if self.left < 0:
                self.full = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments, **options)

        return counted


@pytest.mark.parametrize("room", range(0, 45))
def test_a_disk_that_fills_at_any_operation_loses_nothing(trained, tmp_path, monkeypatch, room):
    """Each write, sync, rename, link and folder of a checkpoint in turn is the one for which there is no room."""
    run = Path(shutil.copytree(trained, tmp_path / "run", symlinks=True))
    before = content(run / "checkpoints")
    trainer, disk = Trainer(LONGER, points(), run), Disk(room)
    with monkeypatch.context() as patch:
        for owner, name in (
            (Path, "write_text"),
            (Path, "rename"),
            (Path, "replace"),
            (Path, "symlink_to"),
            (Path, "mkdir"),
            (os, "fsync"),
            (state, "save_file"),
            (safetensors.torch, "save_file"),
        ):
            patch.setattr(owner, name, disk.takes(getattr(owner, name)))
        trainer.step = 7
        try:
            trainer.save()
        except SavingError as error:
            assert "No space left on device" in str(error) and "\n" not in str(error)
    latest = checkpoint.latest(run)
    assert disk.full or latest.name == "00000007"
    assert latest.name in ("00000006", "00000007") and (run / "model" / "config.json").exists()
    assert checkpoint.best(run) is not None
    if latest.name == "00000006":
        assert content(run / "checkpoints") == before  # and no half of one takes up room
    assert Trainer(LONGER, points(), run).fit() and checkpoint.latest(run).name == "00000008"
    assert not list((run / "checkpoints").glob(".*"))


def test_the_command_says_it_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32))
    monkeypatch.setattr(state, "save_file", Disk(0).takes(safetensors.torch.save_file))
    assert main(["train", "points.npy", "--run", "run", "--max-steps", "2", "--batch-size", "4"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "the checkpoint of step 2 in run cannot be written (No space left" in error


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path, monkeypatch):
    """As root every folder can be written: the system's refusal is played."""

    def refused(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(InputError, match="Read-only file system"):
        Trainer(POINTS, points(), tmp_path / "run")


def test_a_flipped_bit_anywhere_in_the_checksums_is_caught(trained, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run", symlinks=True))
    path = run / "checkpoints" / "00000006" / "checksums.json"
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(InputError, match="00000006"):
            checkpoint.latest(run)


def test_a_file_without_a_checksum_is_caught(trained, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run", symlinks=True))
    (run / "checkpoints" / "00000006" / "model" / "more.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="no checksum"):
        checkpoint.latest(run)


@pytest.mark.parametrize("target", ["checkpoints/00000099", "..", "checkpoints", "/"])
def test_a_link_to_the_best_that_leads_elsewhere_is_refused(trained, tmp_path, target):
    run = Path(shutil.copytree(trained, tmp_path / "run", symlinks=True))
    (run / "best").unlink()
    (run / "best").symlink_to(target)
    with pytest.raises(InputError, match="leads to no checkpoint"):
        checkpoint.best(run)
