"""What the tests of training share: small data, a small configuration, and what two runs have in common."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndm.config import Config
from ndm.data import DataSet, Split
from ndm.training.trainer import Piece, Trainer

POINTS = Config(
    transform="scaling",
    predictor_options={"width": 16, "depth": 1},
    schedule_options={"gamma_min": -8.0, "gamma_max": 5.0},
    max_steps=6,
    batch_size=16,
    warmup_steps=2,
    log_every=1,
    save_every=2,
)
LABELLED = replace(POINTS, condition=("label",), transform="series")
MEASURED = replace(
    POINTS, condition=("age", "height"), transform="residual", transform_options={"width": 8, "depth": 1}
)
IMAGES = replace(POINTS, predictor_options={"channels": 8, "multipliers": [1, 2], "dropout": 0.3}, batch_size=64)


def points(seed: int = 0, num: int = 50) -> DataSet:
    """Points near a circle, in two dimensions."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, (3, num))
    x = np.stack([np.cos(angle), np.sin(angle)], -1) + 0.1 * rng.normal(size=(3, num, 2))
    return DataSet(
        "points", *(Split(part.astype(np.float32)) for part in x), num_levels=None, num_classes=0, source="here"
    )


def images(seed: int = 0, num: int = 80) -> DataSet:
    """Digits-like: a bright bar on grey, 8 x 8 pixels of 17 levels."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 5, (3, num, 1, 8, 8))
    for part, i in np.ndindex(3, num):
        x[part, i, 0, :, rng.integers(8)] += 12
    return DataSet("images", *(Split(part.astype(np.uint8)) for part in x), num_levels=17, num_classes=0, source="here")


def labelled(seed: int = 0, num: int = 50) -> DataSet:
    """Points around three centres, whose class a model is told: but for some, of which it is told none."""
    rng = np.random.default_rng(seed)
    y = rng.integers(-1, 3, (3, num))
    x = 3.0 * np.stack([np.cos(2 * y), np.sin(2 * y)], -1) + rng.normal(size=(3, num, 2))
    parts = [Split(part.astype(np.float32), own) for part, own in zip(x, y, strict=True)]
    found = DataSet("labelled", *parts, num_levels=None, num_classes=3, source="here", classes=("ant", "bee", "cow"))
    return found.conditioned(("label",))


def measured(seed: int = 0, num: int = 50) -> DataSet:
    """Points whose first dimension follows two values that a model is told."""
    rng = np.random.default_rng(seed)
    cond = np.array([40.0, 2.0]) + np.array([10.0, 0.5]) * rng.normal(size=(3, num, 2))
    x = rng.normal(size=(3, num, 2))
    x[..., 0] += 0.1 * cond[..., 0]
    parts = [Split(part.astype(np.float32), cond=own.astype(np.float32)) for part, own in zip(x, cond, strict=True)]
    return DataSet("measured", *parts, num_levels=None, num_classes=0, source="here", condition=("age", "height"))


def lines(run: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without what the clock decides."""
    read = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    of_the_clock = ("seconds", "examples_per_second", "waiting", "memory_mib")
    return [{key: value for key, value in line.items() if key not in of_the_clock} for line in read]


def tensors(run: Path) -> dict[str, bytes]:
    """Every tensor file of a run's latest checkpoint: weights, averages, moments, statistics."""
    files = {
        str(path.relative_to(run)): path.read_bytes()
        for name in ("model", "state")
        for path in (run / name).glob("*.safetensors")
    }
    assert len(files) >= 4
    return files


def content(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@contextmanager
def signal_at(step: int, number: int = signal.SIGINT) -> Iterator[None]:
    """Within, this process gets a real signal, once, when `step` begins."""
    original, sent = Trainer._train_step, []

    def interrupted(trainer: Trainer, pieces: list[Piece]) -> dict[str, float]:
        if trainer.step == step and not sent:
            sent.append(step)
            os.kill(os.getpid(), number)
        return original(trainer, pieces)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_train_step", interrupted)
        yield
