"""Running averages of statistics while a model trains."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ndm.base.ranges import check_number


class RunningMean(nn.Module):
    """The running mean of values in each of N bins: the plain mean at first, then an exponential average.

    A bin with n values so far gives a batch of m new ones the weight max(m / (n + m), 1 - decay).

    Args:
        shape: (N, *value), a value for each bin.
    """

    def __init__(self, shape: tuple[int, ...], decay: float, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        check_number("decay", decay, least=0, below=1)
        self.decay = decay
        self.value: Tensor
        self.count: Tensor
        self.register_buffer("value", torch.zeros(shape, dtype=dtype))
        self.register_buffer("count", torch.zeros(shape[0], dtype=torch.int64))
        self._seen: list[tuple[Tensor, Tensor]] | None = None  # sums and counts that wait for the rest of their batch

    @torch.no_grad()
    def update(self, index: Tensor, values: Tensor) -> None:
        """Update the means with `values` (B, *value) for the bins `index` (B,)."""
        sums = torch.zeros_like(self.value).index_add(0, index, values.to(self.value.dtype))
        new = torch.zeros_like(self.count).index_add(0, index, torch.ones_like(index))  # bincount reads its size
        if self._seen is None:
            self._take(sums, new)
        else:
            self._seen.append((sums, new))

    def _take(self, sums: Tensor, new: Tensor) -> None:
        self.count.add_(new)
        weight = torch.maximum(new / self.count.clamp_min(1), torch.where(new > 0, 1 - self.decay, 0.0))
        per_bin = (-1, *[1] * (sums.ndim - 1))
        means = sums / new.clamp_min(1).reshape(per_bin)
        self.value.lerp_(means, weight.to(means.dtype).reshape(per_bin))


class OneBatch:
    """Collects the updates of all running means of a module within, and applies them at the end as one batch.

    `total` adds up what several processes have seen; they must all have seen something, or none. The means are listed
    once, for many batches.
    """

    def __init__(self, module: nn.Module, total: Callable[[Tensor], Tensor]) -> None:
        self.means = [part for part in module.modules() if isinstance(part, RunningMean)]
        self.total = total

    def __enter__(self) -> None:
        for mean in self.means:
            mean._seen = []

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        for mean in self.means:
            seen, mean._seen = mean._seen, None
            if seen and kind is None:
                sums, new = (sum(parts[1:], parts[0]) for parts in zip(*seen, strict=True))
                mean._take(self.total(sums), self.total(new))
