"""Broadcasting of times against events, and sums over the event's axes."""

from torch import Tensor


def like_event(value: Tensor, x: Tensor) -> Tensor:
    """Reshape `value`, one number per example (B,) or a scalar (), to broadcast against x (B, *event)."""
    return value.reshape(value.shape + (1,) * (x.ndim - value.ndim)) if value.ndim else value


def sum_event(x: Tensor) -> Tensor:
    """Sum over everything but the batch: (B, *event) -> (B,)."""
    return x.flatten(1).sum(1)
