"""The order of training examples, as a function of the seed and of how many have been seen."""

import numpy as np

from ndm.data.dataset import Split
from ndm.errors import InputError


class Batches:
    """`batches[k]` is the k-th batch: examples k B .. (k + 1) B - 1 of an endless row of shuffled epochs.

    Every epoch is a permutation of its own, made from (seed, epoch), so that training resumes at any batch without
    having gone through those before.
    """

    def __init__(self, split: Split, batch_size: int, seed: int) -> None:
        if batch_size < 1:
            raise InputError(f"batch size {batch_size}", "at least 1")
        self.split, self.batch_size, self.seed = split, batch_size, seed
        self._epochs: dict[int, np.ndarray] = {}

    def _permutation(self, epoch: int) -> np.ndarray:
        if epoch not in self._epochs:
            if len(self._epochs) > 1:  # a batch may straddle two epochs; older ones are done
                self._epochs.clear()
            self._epochs[epoch] = np.random.default_rng((self.seed, epoch)).permutation(len(self.split))
        return self._epochs[epoch]

    def __getitem__(self, step: int) -> np.ndarray:
        return self.rows(step, 0, self.batch_size)

    def rows(self, step: int, first: int, last: int) -> np.ndarray:
        """Rows first .. last - 1 of the batch of a step."""
        positions = step * self.batch_size + np.arange(first, last)
        epochs, offsets = np.divmod(positions, len(self.split))
        indices = [self._permutation(epoch)[offsets[epochs == epoch]] for epoch in np.unique(epochs)]
        return self.split.x[np.concatenate(indices)]
