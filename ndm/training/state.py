"""The state of training as plain tensors and JSON: never pickle."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ndm.base.errors import InputError, refused
from ndm.base.files import parse_json
from ndm.bounds.time_samplers import Importance
from ndm.training.parallel import load, shared_like

_TIMES, _PROGRESS = "time_sampler.safetensors", "progress.json"
OF_READERS = (_TIMES, _PROGRESS)  # what those who do not train on need of it
_LIKE_WEIGHTS = {"exp_avg", "exp_avg_sq"}  # AdamW's moments; beside them it keeps a number of steps


def write_state(
    folder: Path,
    weights: dict[str, Tensor],
    moments: dict[str, dict[str, Tensor]],
    time_sampler: dict[str, Tensor],
    progress: dict[str, Any],
) -> None:
    """Raw weights, the optimiser's moments of each, t-sampler statistics and progress, into `folder`."""
    folder.mkdir()
    save_tensors(weights, folder / "weights.safetensors")
    save_tensors(time_sampler, folder / _TIMES)
    save_tensors(
        {f"{weight}:{name}": value for weight, state in moments.items() for name, value in state.items()},
        folder / "optimizer.safetensors",
    )
    (folder / _PROGRESS).write_text(json.dumps(progress, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Within, files that are missing or not what was written are an `InputError`; their checksums may be right."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, SafetensorError) as error:
        raise refused(
            folder,
            "read",
            error,
            "the state of training as it was saved",
            f"restore it, or delete {folder.parent} to go back to the checkpoint before it",
        ) from error


def read_state(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, time_sampler: nn.Module
) -> dict[str, Any]:
    """The inverse of `write_state`; returns the progress. Raises `InputError` for what cannot be read."""
    with readable(folder):
        load(model, load_file(folder / "weights.safetensors"))
        time_sampler.load_state_dict(load_file(folder / _TIMES))
        weights = dict(model.named_parameters())
        for key, value in load_file(folder / "optimizer.safetensors").items():
            name, _, what = key.partition(":")
            # Moments must lie in memory as their weight does (files hold plain order); the step count is a number.
            like = weights[name]
            value = value.to(like.device)
            if what in _LIKE_WEIGHTS:
                value = torch.empty_like(like).copy_(shared_like(value, like))
            optimizer.state[like][what] = value
    return read_progress(folder)


def read_times(folder: Path) -> Importance | None:
    """The density of t that training learned; None if it sampled t uniformly. Raises `InputError` as `read_state`."""
    with readable(folder):
        state = load_file(folder / _TIMES)
        if "moments.value" not in state:
            return None
        time_sampler = Importance(len(state["moments.value"]))
        time_sampler.load_state_dict(state)
        return time_sampler


def read_progress(folder: Path) -> dict[str, Any]:
    """How far training was, and its configuration as YAML text. Raises `InputError` as `read_state`."""
    with readable(folder):
        progress: dict[str, Any] = parse_json((folder / _PROGRESS).read_text(encoding="utf-8"))
        if not isinstance(progress, dict):
            raise ValueError(f"{_PROGRESS} is {progress!r}")
        for name, kind in {"step": int, "seconds": int | float, "examples": int, "configuration": str}.items():
            if not isinstance(progress.get(name), kind):
                raise ValueError(f"{name} in {_PROGRESS} is {progress.get(name)!r}")
    return progress


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """A file of tensors, in plain order."""
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)
