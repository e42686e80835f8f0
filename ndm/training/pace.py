"""The pace of a training: seconds of a step on this machine, measured without a run, and kept for the next time."""

import contextlib
import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from ndm.base.errors import InputError
from ndm.base.files import make_folder, parse_json, write_atomically
from ndm.base.noise import BatchSlice
from ndm.base.version import __version__
from ndm.config import Config
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.training.learner import Learner
from ndm.training.objective import as_piece
from ndm.training.parallel import make_accelerator
from ndm.training.parallel.ddp import Replicated
from ndm.training.rates import set_learning_rate
from ndm.training.start import new_model

_WARM_UPS, _TIMED = 2, 6  # steps
_SLOW, _VERY_SLOW = 0.4, 5.0  # seconds, after which no further step is timed; in which the first has no warm-up left
_MOST_KEPT = 1000  # paces
_FAR = 1.5  # the factor from which a forecast has failed
_MATTERS = (  # to the time of a step
    *("schedule", "schedule_options", "transform", "transform_options", "predictor", "predictor_options"),
    *("volatility", "volatility_options", "reverse_step", "timesteps", "kinetic_weight", "condition"),
    *("batch_size", "accumulate", "parallel", "optimizer", "average_lengths", "time_sampler"),
    *("precision", "checkpointing"),
)


class Alone(Replicated):
    """One process by itself, however many there are."""

    def prepare(self, module: nn.Module) -> nn.Module:
        return module.to(self.accelerator.device)

    def held_back(self, module: nn.Module) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()


class TrialStep(Learner):
    """A step of a training without a run, on the first training examples.

    In several processes it is that of one of them, by itself: what they tell each other takes no time here. A network
    that is to be compiled is taken as it is, as compiling takes minutes.

    Args:
        model: a new one; it is trained.
        config: of the training.
        data: whose first examples are the batch.
        number: of the processes.
    """

    def __init__(self, model: NeuralDiffusion, config: Config, data: DataSet, number: int = 1) -> None:
        size = max(1, config.batch_size // (number * config.accumulate))
        slices = [BatchSlice(i * size, size, config.batch_size) for i in range(config.accumulate)]
        super().__init__(model, replace(config, compile=False), data, slices, Alone(make_accelerator()), 1, lambda x: x)
        self.terms.train()
        some = data.train.take(np.arange(size) % len(data.train))
        self.pieces, self.step = [as_piece(self.raw_model, some.x[:], some.cond)] * config.accumulate, 0

    def __call__(self) -> None:
        """Take the step."""
        set_learning_rate(self.optimizer, self.config, self.step, 0.0)
        gradients = self.compute_gradient(self.pieces, self.step)
        norm = self.parallel.norm(gradients)
        self.update(gradients, norm, float(norm), self.step)
        self.step += 1

    def seconds(self) -> float:
        """The median time of a few steps, after two to warm up; of slow ones, of one after one, or of the first."""
        for _ in range(_WARM_UPS):
            if (first := self._timed()) > _VERY_SLOW:
                return first
            if first > _SLOW:
                break
        times = [self._timed()]
        while len(times) < _TIMED and sum(times) < _SLOW:
            times.append(self._timed())
        return median(times)

    def _timed(self) -> float:
        began = time.perf_counter()
        self()
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()
        return time.perf_counter() - began


def measure(config: Config, data: DataSet, number: int = 1) -> float:
    """Measure the seconds of a step of training, of one of a number of processes; threads and seeds stay as they are.

    Raises `InputError` for settings that cannot be, and where memory does not hold the training.
    """
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng():
            return TrialStep(new_model(config, data), config, data, number).seconds()
    finally:
        torch.set_num_threads(threads)


def same_pace(one: Config, other: Config) -> bool:
    """Whether no setting differs that matters to the time of a step."""
    return all(getattr(one, name) == getattr(other, name) for name in (*_MATTERS, "threads"))


def seconds_per_step(config: Config, data: DataSet, number: int = 1, begin: Callable[[], None] = lambda: None) -> float:
    """The seconds of a step as `measure` finds them, after begin(), or as it has found them before on this machine.

    They are kept in the user's folder of caches. One that cannot be read or written is no hindrance: they are then
    measured again the next time.
    """
    key = _key(config, data, number)
    found = _kept().get(key)
    if found is None:
        begin()
        found = measure(config, data, number)
        _keep(key, found)
    return found


def forecast_failed(expected: float, taken: float) -> str | None:
    """Say that a step took far more or fewer seconds than were expected, and forget all that are kept: they may be old.

    None where it did not, up to a factor of 1.5.
    """
    if 1 / _FAR < taken / expected < _FAR:
        return None
    with contextlib.suppress(OSError, RuntimeError):
        _path().unlink(missing_ok=True)
    return (
        f"a step took {1e3 * taken:.3g} ms where {1e3 * expected:.3g} ms had been measured, as if other programs had "
        "been busy then or now: the next training measures anew"
    )


def ways() -> dict[str, list[Any]]:
    """Values of settings that may make a step faster on this machine: one thread or all; bf16 where it is native."""
    found: dict[str, list[Any]] = {}
    if torch.cuda.is_available():
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = torch.cpu.get_capabilities()
        has_bf16 = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
        found |= {"threads": [1, None]} if torch.get_num_threads() > 1 else {}
    return found | ({"precision": ["float32", "bf16"]} if has_bf16 else {})


def device() -> str:
    """What a training computes on, in words."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    if torch.accelerator.is_available():
        return str(torch.accelerator.current_accelerator())
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}"


def _key(config: Config, data: DataSet, number: int) -> str:
    """A digest of all that decides the time of a step."""
    settings = asdict(config)
    about = {
        "settings": {name: settings[name] for name in _MATTERS},
        "event": [list(data.event_shape), data.num_levels, data.num_classes, list(data.condition)],
        "machine": [device(), config.threads, os.cpu_count(), number, torch.cpu.get_capabilities().get("cpu_name")],
        "versions": [__version__, torch.__version__],
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _path() -> Path:
    """The file of paces; raises `RuntimeError` for a user without a home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ndm" / "pace.json"


def _kept() -> dict[str, float]:
    """The paces that were kept, those of them that can be one."""
    try:
        found: Any = parse_json(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, float) and 0 < value < math.inf}


def _keep(key: str, seconds: float) -> None:
    kept = [*_kept().items(), (key, seconds)][-_MOST_KEPT:]
    with contextlib.suppress(InputError, OSError, RuntimeError):
        path = _path()
        make_folder(path.parent)
        write_atomically(path, json.dumps(dict(kept), indent=0).encode())
