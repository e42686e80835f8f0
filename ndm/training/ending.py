"""Early ends of a training: a signal, an error, or a step with a non-finite loss or gradient.

After a signal the present step ends, and all is saved. Where a part of a run cannot be written, a checkpoint is tried
first. A step that is not finite stops the run before the weights change, and its batch is saved.
"""

import contextlib
import io
import math
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ndm.base.errors import SavingError, is_out_of_memory, reason
from ndm.base.files import write_atomically
from ndm.base.processes import Processes
from ndm.runs.writing import saving
from ndm.training.parallel import own


class Interruption:
    """Notes SIGINT or SIGTERM: the present step ends, and all is saved. A second signal stops at once.

    Other reasons to end the run in the same way set `came`.
    """

    came = False

    def __enter__(self) -> Self:
        self.came = self.noted = False
        self.before: dict[int, Any] = {}
        with contextlib.suppress(ValueError):  # not the main thread, which is the only one that signals reach
            self.before |= {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _note(self, number: int, frame: Any) -> None:
        if self.noted:
            before = self.before.get(number)
            (before if callable(before) else signal.default_int_handler)(number, frame)
        self.came = self.noted = True

    def __bool__(self) -> bool:
        return self.came

    def __exit__(self, *error: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def last_resort(save: Callable[[], None], processes: Processes) -> Iterator[None]:
    """Try save() before the error of a part of a run that cannot be written goes on: a checkpoint may be small.

    Likewise where memory is short, in one process; of several, one alone has met that, and the others wait elsewhere.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SavingError) or (is_out_of_memory(error) and processes.number == 1):
            with contextlib.suppress(SavingError):
                save()
        raise


@contextlib.contextmanager
def extra(what: str) -> Iterator[None]:
    """Turn errors of what is not part of the training, such as pictures, into warnings.

    A full disk stays a `SavingError`: the next checkpoint would meet it too.
    """
    try:
        yield
    except SavingError:
        raise
    except Exception as error:  # of plots, of samplers, of services: whatever it is, it is not worth a training
        warnings.warn(f"{what}: {reason(error)[:300]}; the training goes on without", stacklevel=3)


def what_failed(values: dict[str, float], model: nn.Module, processes: Processes) -> str:
    """Name the terms that are not finite, or else the weights whose gradients are not, of all processes."""
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


def keep_batch(path: Path, batch: dict[str, Tensor], slices: list[dict[str, Tensor]], processes: Processes) -> str:
    """Write a batch and its terms as .npz, whole or not at all; says where it is, or why it is not.

    Args:
        batch: x (B, *event), t (B,) and, where there is one, cond (B, ...) of the whole batch.
        slices: the terms (b,) of what this process computed of it, in order.
    """
    every = [terms for found in processes.gather(slices) for terms in found]
    terms = {name: torch.cat([each[name].float().cpu() for each in every]).numpy() for name in every[0]}
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


def not_finite(terms: dict[str, np.ndarray]) -> np.ndarray:
    """Find the examples for which one of the terms (B,) is not finite."""
    return np.flatnonzero(~np.isfinite(np.stack(list(terms.values()))).all(0))
