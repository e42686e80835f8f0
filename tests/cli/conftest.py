"""A workplace with data and trained runs, made once and copied for every test that asks."""

import os
import shutil
from pathlib import Path

import pytest
from calling import TINY_MLP, TINY_UNET, ndm, write_data


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """Data files, and the runs `points`, `images`, `cubes` and `chain` (points, T = 4)."""
    folder, before = tmp_path_factory.mktemp("trained"), Path.cwd()
    write_data(folder)
    os.chdir(folder)
    try:
        for words in (
            f"points.npz --run points --max-steps 4 {TINY_MLP}",
            f"images.npz --run images --max-steps 2 {TINY_UNET}",
            f"cubes.npz --run cubes --max-steps 2 {TINY_MLP}",
            f"points.npz --run chain --max-steps 2 --timesteps 4 --reverse-step learned {TINY_MLP}",
        ):
            result = ndm(f"train {words}")
            assert result.code == 0, result.err
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def workplace(trained, tmp_path, monkeypatch) -> Path:
    """A copy of `trained`, as the current folder, on a wide terminal without colours."""
    place = shutil.copytree(trained, tmp_path / "place", symlinks=True)
    for run in ("points", "images", "cubes", "chain"):  # the copy's data are the copy's
        config = place / run / "config.yaml"
        config.write_text(config.read_text().replace(str(trained), str(place)))
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    return place


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Path:
    """An empty current folder, on a wide terminal without colours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path
