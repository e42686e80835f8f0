"""The state of training as plain tensors and JSON, without pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ndm.base.files import permitted
from ndm.runs.checkpoint import PROGRESS, TIMES, read_progress, readable
from ndm.training.parallel import distributed_like, load

_LIKE_WEIGHTS = {"exp_avg", "exp_avg_sq"}  # AdamW's moments; beside them it keeps a number of steps


def write_state(
    folder: Path,
    weights: dict[str, Tensor],
    moments: dict[str, dict[str, Tensor]],
    time_sampler: dict[str, Tensor],
    progress: dict[str, Any],
) -> None:
    """Write raw weights, the optimiser's moments, statistics of the time sampler and progress into `folder`."""
    folder.mkdir()
    save_tensors(weights, folder / "weights.safetensors")
    save_tensors(time_sampler, folder / TIMES)
    save_tensors(
        {f"{weight}:{name}": value for weight, state in moments.items() for name, value in state.items()},
        folder / "optimizer.safetensors",
    )
    (folder / PROGRESS).write_text(json.dumps(progress, indent=2) + "\n", encoding="utf-8")


def read_state(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, time_sampler: nn.Module
) -> dict[str, Any]:
    """Read what `write_state` wrote, and return the progress; raises `InputError` for what cannot be read."""
    with readable(folder):
        load(model, load_file(folder / "weights.safetensors"))
        time_sampler.load_state_dict(load_file(folder / TIMES))
        weights = dict(model.named_parameters())
        for key, value in load_file(folder / "optimizer.safetensors").items():
            name, _, what = key.partition(":")
            # Moments must lie in memory as their weight does (files hold plain order); the step count is a number.
            like = weights[name]
            value = value.to(like.device)
            if what in _LIKE_WEIGHTS:
                value = torch.empty_like(like).copy_(distributed_like(value, like))
            optimizer.state[like][what] = value
    return read_progress(folder)


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """A file of tensors, in plain order; parts of one tensor, as the numbers of steps are, become copies."""
    plain = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    with permitted(path):
        save_file(plain, path)
