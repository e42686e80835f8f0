"""Running averages of statistics while a model trains."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


class RunningMean(nn.Module):
    """The running mean of values in each of N bins: the plain mean at first, then an exponential average.

    A bin with n values so far gives a batch of m new ones the weight max(m / (n + m), 1 - decay).

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
        self._seen: list[tuple[Tensor, Tensor]] | None = None  # sums and counts that wait for the rest of their batch

    @torch.no_grad()
    def update(self, index: Tensor, values: Tensor) -> None:
        """Update the means with `values` (B, *value) for the bins `index` (B,)."""
        sums = torch.zeros_like(self.value).index_add(0, index, values.to(self.value.dtype))
        new = torch.bincount(index, minlength=len(self.value))
        if self._seen is None:
            self._take(sums, new)
        else:
            self._seen.append((sums, new))

    def _take(self, sums: Tensor, new: Tensor) -> None:
        self.count += new
        weight = torch.maximum(new / self.count.clamp_min(1), torch.where(new > 0, 1 - self.decay, 0.0))
        per_bin = (-1, *[1] * (sums.ndim - 1))
        means = sums / new.clamp_min(1).reshape(per_bin)
        self.value.lerp_(means, weight.to(means.dtype).reshape(per_bin))


@contextlib.contextmanager
def as_one_batch(module: nn.Module, total: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Collect the updates of all running means of `module` within, and apply them at the end as one batch.

    So a batch in slices gives the same means. `total` adds up the values of several processes: all of them must have
    some, or none.
    """
    means = [part for part in module.modules() if isinstance(part, RunningMean)]
    for mean in means:
        mean._seen = []
    try:
        yield
        for mean in means:
            if mean._seen:
                sums, new = (torch.stack(parts).sum(0) for parts in zip(*mean._seen, strict=True))
                mean._take(total(sums), total(new))
    finally:
        for mean in means:
            mean._seen = None
