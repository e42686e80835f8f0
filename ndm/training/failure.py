"""A step that is not finite: what of it, and the batch that it was, for whoever looks into it."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ndm.base.files import write_atomically
from ndm.base.processes import Processes
from ndm.runs.saving import SavingError, saving
from ndm.training.monitors.watching import not_finite
from ndm.training.parallel import own


def what_failed(values: dict[str, float], model: nn.Module, processes: Processes) -> str:
    """The terms that are not finite, or else the weights whose gradients are not, of all processes together."""
    terms = [name for name, value in values.items() if not math.isfinite(value)]
    if terms:
        return f"{' and '.join(terms)} term"
    mine = [
        name
        for name, weight in model.named_parameters()
        if weight.grad is not None and not torch.isfinite(own(weight.grad)).all()
    ]
    names = sorted({name for found in processes.gather(mine) for name in found}) or ["norm of the"]
    return f"{' and '.join(names)} gradient"


def keep_batch(path: Path, batch: dict[str, Tensor], shares: list[dict[str, Tensor]], processes: Processes) -> str:
    """Write a batch and its terms as .npz, whole or not at all; says where it is, or why it is not.

    Args:
        batch: x (B, *event) and t (B,) of the whole batch.
        shares: the terms (b,) of what this process computed of it, in order.
    """
    every = [share for found in processes.gather(shares) for share in found]
    terms = {name: torch.cat([share[name].float().cpu() for share in every]).numpy() for name in every[0]}
    arrays: dict[str, Any] = {name: value.cpu().numpy() for name, value in batch.items()} | terms
    buffer = io.BytesIO()
    np.savez(buffer, examples=not_finite(terms), **arrays)

    def write() -> None:
        with saving(f"its batch, {path},"):
            write_atomically(path, buffer.getvalue())

    try:
        processes.by_first(write)
    except SavingError as error:
        return str(error)
    return f"its batch is saved in {path}"
