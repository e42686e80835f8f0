"""A layer of two convolutions, for images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ndm.base.errors import InputError
from ndm.base.ranges import check_count, check_shape
from ndm.nn.embeddings import condition_embedding
from ndm.nn.layers.layer import Layer
from ndm.nn.network import check_events, zero_init


class ConvolutionalLayer(Layer):
    """h(x) = W_2 silu(W_1 x + b_1 + condition) + b_2, 3x3 convolutions W: (B, C, H, W) -> (B, num_outputs, C, H, W).

    As `HiddenLayer`, where an output sees the 5x5 pixels around it, and all pixels share the weights. A fresh layer is
    exactly 0. Raises `InputError` for events that are no images, batches of another shape, and for a condition that it
    was not made for.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        num_outputs: int = 1,
        width: int = 32,
        num_classes: int = 0,
        num_values: int = 0,
    ) -> None:
        super().__init__()
        check_count("width", width, 1)
        check_count("num_outputs", num_outputs, 1)
        self.event_shape = check_shape(event_shape)
        if len(self.event_shape) != 3:
            raise InputError(
                f"events of shape {self.event_shape} for convolutions", "images (C, H, W)", "choose the hidden layer"
            )
        self.num_outputs = num_outputs
        self.num_classes, self.num_values = num_classes, num_values
        channels = self.event_shape[0]
        self.enter = nn.Conv2d(channels, width, 3, padding=1)
        self.condition = condition_embedding(num_classes, num_values, width)
        self.leave = zero_init(nn.Conv2d(width, num_outputs * channels, 3, padding=1))

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """x (B, *event_shape), cond as a `Network` takes it, or None -> (B, num_outputs, *event_shape)."""
        check_events(x, self.event_shape)
        condition = torch.as_tensor(self.condition(cond, x.shape[0])).to(x)
        h = nn.functional.silu(self.enter(x) + condition[..., None, None])
        return self.leave(h).unflatten(1, (self.num_outputs, *self.event_shape[:1]))
