"""Broadcasting of times against events, and sums over the event's axes."""

from typing import Any

from torch import Tensor

from ndm.base.errors import InputError


def like_event(value: Tensor, x: Tensor) -> Tensor:
    """Reshape `value`, one number per example (B,) or a scalar (), to broadcast against x (B, *event)."""
    return value.reshape(value.shape + (1,) * (x.ndim - value.ndim)) if value.ndim else value


def sum_event(x: Tensor) -> Tensor:
    """Sum over everything but the batch: (B, *event) -> (B,)."""
    return x.flatten(1).sum(1)


def check_count(name: str, number: Any) -> None:
    """Raise `InputError` for a count that is not a whole number."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise InputError(f"{name} = {number!r}", "a whole number")


def check_batch_size(batch_size: int) -> None:
    """Raise `InputError` for a batch size below 1."""
    if batch_size < 1:
        raise InputError(f"batch_size = {batch_size}", "at least 1")
