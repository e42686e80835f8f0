"""A residual perceptron: the network for points, tables and very small images."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from ndm.autodiff.checkpointed import Block
from ndm.autodiff.layers import Linear, modulate, silu
from ndm.base.ranges import check_count, check_number
from ndm.base.view import view
from ndm.nn.embeddings import FourierFeatures, TimeEmbedding
from ndm.nn.network import Network, zero_init


class ResidualBlock(Block):
    """A residual block, h + W_2 silu((1 + scale) W_1 h + shift): h (B, width), (B, embedding_width) -> (B, width).

    (scale, shift) is linear in the embedding: FiLM (Perez et al., 2018, https://arxiv.org/abs/1709.07871).
    """

    def __init__(self, width: int, embedding_width: int) -> None:
        super().__init__()
        self.enter = Linear(width, width)
        self.modulation = Linear(embedding_width, 2 * width)
        self.leave = Linear(width, width)

    def compute(self, h: Tensor, embedding: Tensor, index: Tensor | None = None) -> Tensor:
        """Compute the block with an embedding for each example, or with the one at `index` of a few embeddings."""
        both = self.modulation(embedding)
        scale, shift = (both if index is None else functional.embedding(index, both)).chunk(2, dim=1)
        return h + self.leave(silu(modulate(self.enter(h), scale, shift)))


class MLP(Network):
    """Residual perceptron on flattened events: x (B, *event_shape), t (B,) -> (B, num_outputs, *event_shape).

    `depth` residual blocks of `width` units; an embedding of time, and of the condition where there is one, scales and
    shifts every block. It is as wide as they are, or of `embedding_width`.
    No normalisation: with few blocks it only costs time, and a derivative through it cannot be compiled. With
    `num_frequencies` the input comes with that many Fourier features, up to the angular frequency `max_frequency`:
    for data with fine structure.
    """

    _few_times: tuple[Any, Any, Any] = (None, None, None)

    def __init__(
        self,
        event_shape: Sequence[int],
        num_outputs: int = 1,
        width: int = 128,
        depth: int = 3,
        num_frequencies: int = 0,
        max_frequency: float = 64.0,
        num_classes: int = 0,
        embedding_width: int | None = None,
        num_values: int = 0,
    ) -> None:
        super().__init__(event_shape, num_outputs, num_classes, num_values)
        embedding_width = width if embedding_width is None else embedding_width
        check_count("width", width, 1)
        check_count("embedding_width", embedding_width, 1)
        check_count("depth", depth, 0)
        check_count("num_frequencies", num_frequencies, 0)
        check_number("max_frequency", max_frequency, least=1)
        size = math.prod(self.event_shape)
        self.embedding = TimeEmbedding(embedding_width, num_classes, num_values=num_values)
        self.features = FourierFeatures(num_frequencies, max_frequency)
        self.enter = Linear(size * (1 + 2 * num_frequencies), width)
        self.blocks = nn.ModuleList(ResidualBlock(width, embedding_width) for _ in range(depth))
        self.leave = zero_init(Linear(width, num_outputs * size))

    def with_few_times(self, t: Tensor, few: Tensor, index: Tensor) -> "MLP":
        """The embedding and its scales and shifts are half of the work: a chain has them for its T times alone."""
        return view(self, _few_times=(t, few, index))

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        known, few, index = self._few_times
        embedded = (self.embedding(few, None), index) if t is known and cond is None else (self.embedding(t, cond),)
        h = self.enter(self.features(x.flatten(1)))
        for block in self.blocks:
            h = block(h, *embedded)
        return self.leave(silu(h)).unflatten(1, (self.num_outputs, *self.event_shape))
