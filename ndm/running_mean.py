"""Averages that follow a model while it trains."""

import torch
from torch import Tensor, nn


class RunningMean(nn.Module):
    """The mean of what each of N bins has seen: the plain mean at first, then an exponential average.

    A bin that has seen n values weighs a batch of m new ones by max(m / (n + m), 1 - decay).

    Args:
        shape: (N, *value), a value for each bin.
    """

    def __init__(self, shape: tuple[int, ...], decay: float, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.decay = decay
        self.value: Tensor
        self.count: Tensor
        self.register_buffer("value", torch.zeros(shape, dtype=dtype))
        self.register_buffer("count", torch.zeros(shape[0], dtype=torch.int64))

    @torch.no_grad()
    def update(self, index: Tensor, values: Tensor) -> None:
        """Take `values` (B, *value) for the bins `index` (B,)."""
        sums = torch.zeros_like(self.value).index_add(0, index, values.to(self.value.dtype))
        new = torch.bincount(index, minlength=len(self.value))
        self.count += new
        weight = torch.maximum(new / self.count.clamp_min(1), torch.where(new > 0, 1 - self.decay, 0.0))
        per_bin = (-1, *[1] * (sums.ndim - 1))
        means = sums / new.clamp_min(1).reshape(per_bin)
        self.value.lerp_(means, weight.to(means.dtype).reshape(per_bin))
